// A shim that does something of ours before the original (and after it), and calls it as it was called, whatever its convention.
#pragma once
#include "swap.hpp"

namespace unblink {

// What to do first; false: an exception is set and the original is not called.
using Before = bool (*)(PyObject* self, PyObject* const* args, Py_ssize_t count);

using After = void (*)(PyObject* self);
inline void nothing_more(PyObject*) {}

template <void** Original, Before before, After after>
struct BeforeShim {
  static PyObject* then(PyObject* self, PyObject* result) {
    after(self);
    return result;
  }

  static PyObject* no_arguments(PyObject* self, PyObject* none) {
    if (!before(self, nullptr, 0)) return nullptr;
    return then(self, reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(*Original)(self, none));
  }
  static PyObject* one_argument(PyObject* self, PyObject* argument) {
    if (!before(self, &argument, 1)) return nullptr;
    return then(self, reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(*Original)(self, argument));
  }
  static PyObject* tuple(PyObject* self, PyObject* args) {
    if (!before(self, reinterpret_cast<PyTupleObject*>(args)->ob_item, PyTuple_GET_SIZE(args))) return nullptr;
    return then(self, reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(*Original)(self, args));
  }
  static PyObject* fast(PyObject* self, PyObject* const* args, Py_ssize_t count) {
    if (!before(self, args, count)) return nullptr;
    return then(self, reinterpret_cast<PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t)>(*Original)(self, args, count));
  }
  static PyObject* fast_keywords(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (!before(self, args, count)) return nullptr;
    return then(self, reinterpret_cast<PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)>(*Original)(self, args, count, names));
  }
  static PyObject* of_class(PyObject* self, PyTypeObject* type, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (!before(self, args, count)) return nullptr;
    return then(self, reinterpret_cast<PyObject* (*)(PyObject*, PyTypeObject*, PyObject* const*, Py_ssize_t, PyObject*)>(*Original)(
        self, type, args, count, names));
  }
};

// Refuses a function that is not there or has a convention that is none of these.
template <void** Original, Before before, After after = nothing_more>
bool swap_before(PyObject* owner, const char* name) {
  using Shim = BeforeShim<Original, before, after>;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  switch (convention_of(owner, name)) {
    case METH_NOARGS: return swap_method(owner, name, METH_NOARGS, f(Shim::no_arguments), Original);
    case METH_O: return swap_method(owner, name, METH_O, f(Shim::one_argument), Original);
    case METH_VARARGS: return swap_method(owner, name, METH_VARARGS, f(Shim::tuple), Original);
    case METH_FASTCALL: return swap_method(owner, name, METH_FASTCALL, f(Shim::fast), Original);
    case METH_FASTCALL | METH_KEYWORDS: return swap_method(owner, name, METH_FASTCALL | METH_KEYWORDS, f(Shim::fast_keywords), Original);
    case METH_METHOD | METH_FASTCALL | METH_KEYWORDS:
      return swap_method(owner, name, METH_METHOD | METH_FASTCALL | METH_KEYWORDS, f(Shim::of_class), Original);
    default: return refuse(name, "has an unexpected calling convention");
  }
}

}  // namespace unblink
