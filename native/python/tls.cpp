// TLS: handshake, read, write and shutdown of _ssl's sockets, which wait for the descriptor in C.
//
// For the one call the socket is made non-blocking; where OpenSSL then wants to read or write, the task waits for that, and
// the call is made again. What the program has set as the timeout is back before anybody else runs.
#include "tls.hpp"

#include <poll.h>

#include "sockets.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Call = PyObject* (*)(PyObject*, PyObject*);

void *o_handshake, *o_read, *o_write, *o_shutdown;
PyObject *want_read = nullptr, *want_write = nullptr;

// The socket below, its descriptor and its timeout; null where there is none that could block (memory BIOs, closed ones).
PyObject* blocking_owner(PyObject* self, Nanos& timeout, int& descriptor) {
  PyObject* owner = PyObject_GetAttrString(self, "owner");
  PyObject* set = owner != nullptr && is_socket(owner) ? PyObject_CallMethod(owner, "gettimeout", nullptr) : nullptr;
  PyObject* number = set != nullptr ? PyObject_CallMethod(owner, "fileno", nullptr) : nullptr;
  bool blocks = false;
  if (number != nullptr) {
    descriptor = static_cast<int>(PyLong_AsLong(number));
    timeout = set == Py_None ? kForever : static_cast<Nanos>(PyFloat_AsDouble(set) * 1e9);
    blocks = descriptor >= 0 && timeout > 0;
  }
  Py_XDECREF(number);
  Py_XDECREF(set);
  if (!blocks || PyErr_Occurred()) Py_CLEAR(owner);
  PyErr_Clear();
  return owner;
}

PyObject* call_waiting(Call original, PyObject* self, PyObject* argument, const char* what) {
  Nanos timeout = kForever;
  int descriptor = -1;
  PyObject* owner = here() ? blocking_owner(self, timeout, descriptor) : nullptr;
  if (owner == nullptr) return original(self, argument);
  const Nanos deadline = deadline_after(timeout);
  PyObject* result = nullptr;
  for (;;) {
    {
      const WithoutWaiting guard(owner);
      result = original(self, argument);
    }
    push_out_of(descriptor);  // OpenSSL writes to the descriptor itself
    if (result != nullptr) break;
    const bool reads = PyErr_ExceptionMatches(want_read);
    if (!reads && !PyErr_ExceptionMatches(want_write)) break;
    PyErr_Clear();
    const int ready = await_descriptor_until(descriptor, reads ? POLLIN : POLLOUT, reads ? Op::kGet : Op::kPut, deadline);
    if (ready > 0) continue;
    if (ready == 0) PyErr_Format(PyExc_TimeoutError, "The %s operation timed out", what);
    break;
  }
  Py_DECREF(owner);
  return result;
}

PyObject* handshake(PyObject* s, PyObject* a) { return call_waiting(reinterpret_cast<Call>(o_handshake), s, a, "handshake"); }
PyObject* read(PyObject* s, PyObject* a) { return call_waiting(reinterpret_cast<Call>(o_read), s, a, "read"); }
PyObject* write(PyObject* s, PyObject* a) { return call_waiting(reinterpret_cast<Call>(o_write), s, a, "write"); }
PyObject* shut_down(PyObject* s, PyObject* a) { return call_waiting(reinterpret_cast<Call>(o_shutdown), s, a, "shutdown"); }

}  // namespace

void look_after_tls() {
  if (G.looks_after_tls) return;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "_ssl");
  if (module == nullptr) return;
  G.looks_after_tls = true;
  PyObject* type = PyObject_GetAttrString(module, "_SSLSocket");
  Py_XSETREF(want_read, PyObject_GetAttrString(module, "SSLWantReadError"));
  Py_XSETREF(want_write, PyObject_GetAttrString(module, "SSLWantWriteError"));
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = type != nullptr && want_read != nullptr && want_write != nullptr &&
                  swap_method(type, "do_handshake", METH_NOARGS, f(handshake), &o_handshake) &&
                  swap_method(type, "read", METH_VARARGS, f(read), &o_read) && swap_method(type, "write", METH_O, f(write), &o_write) &&
                  swap_method(type, "shutdown", METH_NOARGS, f(shut_down), &o_shutdown);
  if (!ok) PyErr_Clear();  // it works as it is, and blocks while it waits
  Py_XDECREF(type);
}

}  // namespace unblink
