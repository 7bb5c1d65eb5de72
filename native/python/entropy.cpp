// os.urandom (and so uuid4 and secrets) and the shared generator of `random`: seeded for each execution, and
// given back afterwards as they were.
#include <cstring>

#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
void* o_urandom;

PyObject* urandom(PyObject* self, PyObject* argument) {
  const Py_ssize_t size = here() ? PyNumber_AsSsize_t(argument, PyExc_OverflowError) : -1;
  if (size < 0) {
    PyErr_Clear();
    return reinterpret_cast<Plain>(o_urandom)(self, argument);
  }
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, size);
  if (bytes == nullptr) return nullptr;
  char* to = PyBytes_AS_STRING(bytes);
  for (Py_ssize_t i = 0; i < size; i += 8) {
    const std::uint64_t word = G.entropy.next();
    std::memcpy(to + i, &word, static_cast<std::size_t>(size - i < 8 ? size - i : 8));
  }
  return bytes;
}

}  // namespace

bool install_entropy() {
  PyObject* module = PyImport_ImportModule("posix");
  if (module == nullptr) return false;
  const bool ok = swap_method(module, "urandom", METH_O, reinterpret_cast<void*>(urandom), &o_urandom);
  Py_DECREF(module);
  return ok;
}

}  // namespace unblink
