// multiprocessing's semaphores and locks wait in C. Tasks of this process, and other processes, let them go: who would wait there
// looks first, and waits as a task.
#include "semaphores.hpp"

#include "descriptors.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

void *o_acquire, *o_enter, *o_release;

bool is_zero(PyObject* self) {
  PyObject* answer = PyObject_CallMethod(self, "_is_zero", nullptr);
  const bool zero = answer == Py_True;
  Py_XDECREF(answer);
  PyErr_Clear();
  return zero;
}

PyObject* try_once(PyObject* self) {
  PyObject* block[] = {Py_False};
  return reinterpret_cast<FastKeywords>(o_acquire)(self, block, 1, nullptr);
}

PyObject* acquire_until(PyObject* self, Nanos deadline) {
  for (;;) {
    const int ready = await_probe([self] { return is_zero(self) ? 0 : 1; }, Op::kGet, deadline);
    if (ready < 0) return nullptr;
    PyObject* taken = try_once(self);
    if (taken != Py_False || ready == 0) return taken;
    Py_DECREF(taken);  // another process was faster
  }
}

PyObject* acquire(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const auto original = reinterpret_cast<FastKeywords>(o_acquire);
  if (!here()) return original(self, args, count, keywords);
  PyObject *block = count > 0 ? args[0] : Py_True, *seconds = count > 1 ? args[1] : Py_None;
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(keywords, i);
    if (PyUnicode_CompareWithASCIIString(name, "block") == 0) block = args[count + i];
    if (PyUnicode_CompareWithASCIIString(name, "timeout") == 0) seconds = args[count + i];
  }
  Nanos timeout = kForever;
  const bool usual = count + named <= 2 && PyBool_Check(block) && (seconds == Py_None || timeout_of(seconds, timeout));
  PyErr_Clear();
  if (!usual || block == Py_False) return original(self, args, count, keywords);
  return acquire_until(self, deadline_after(timeout < 0 ? 0 : timeout));
}

PyObject* enter(PyObject* self, PyObject* none) {
  return here() ? acquire_until(self, kForever) : reinterpret_cast<Plain>(o_enter)(self, none);
}

bool always(PyObject*, PyObject* const*, Py_ssize_t) { return true; }
void released(PyObject*) { wire_changed(); }

}  // namespace

bool install_semaphores() {
  PyObject* module = PyImport_ImportModule("_multiprocessing");
  PyObject* type = module == nullptr ? nullptr : PyObject_GetAttrString(module, "SemLock");
  Py_XDECREF(module);
  if (type == nullptr) {  // a Python without them
    PyErr_Clear();
    return true;
  }
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(type, "acquire", METH_FASTCALL | METH_KEYWORDS, f(acquire), &o_acquire) &&
                  swap_method(type, "__enter__", METH_NOARGS, f(enter), &o_enter) && swap_before<&o_release, always, released>(type, "release");
  Py_DECREF(type);
  return ok;
}

}  // namespace unblink
