// _queue.SimpleQueue: the original is tried first; only the waiting is ours.
#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
using Plain = PyObject* (*)(PyObject*, PyObject*);

void *o_get, *o_get_nowait, *o_put, *o_put_nowait, *o_qsize, *o_empty;
PyTypeObject* queue_type = nullptr;

PyCMethod get_nowait_original() { return reinterpret_cast<PyCMethod>(o_get_nowait); }

bool is_empty(PyObject* self) {
  PyObject* empty = reinterpret_cast<Plain>(o_empty)(self, nullptr);
  const bool result = empty == Py_True;
  Py_XDECREF(empty);
  return result;
}

PyObject* take(PyObject* self, PyTypeObject* type, SiteId site) {
  G.engine.observe(key_of(self));
  PyObject* item = get_nowait_original()(self, type, nullptr, 0, nullptr);
  if (G.observer != nullptr && points_on()) observe(Op::kGet, site, self, item);
  return item;
}

PyObject* get(PyObject* self, PyTypeObject* type, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  const auto original = reinterpret_cast<PyCMethod>(o_get);
  if (!here()) return original(self, type, args, count, names);
  PyObject* block = count > 0 ? args[0] : Py_True;
  PyObject* timeout_object = count > 1 ? args[1] : Py_None;
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    if (PyUnicode_CompareWithASCIIString(name, "block") == 0 && count < 1)
      block = args[count + i];
    else if (PyUnicode_CompareWithASCIIString(name, "timeout") == 0 && count < 2)
      timeout_object = args[count + i];
    else
      return original(self, type, args, count, names);  // raises
  }
  if (count > 2) return original(self, type, args, count, names);
  const int blocking = PyObject_IsTrue(block);
  if (blocking < 0) return nullptr;
  Nanos timeout = kForever;
  if (blocking && timeout_object != Py_None) {
    if (!timeout_of(timeout_object, timeout) || timeout < 0) {
      PyErr_Clear();
      return original(self, type, args, count, names);  // raises
    }
  }
  const Key key = key_of(self);
  const SiteId site = points_on() ? site_of_call(Op::kGet) : kNoSite;
  if (points_on() && !go(G.engine.point(Op::kGet, site, key))) return nullptr;
  const Nanos deadline = deadline_after(timeout);
  while (blocking && is_empty(self)) {
    if (timeout == 0) break;
    if (!go(G.engine.wait(Op::kGet, site, key, deadline))) return nullptr;
    if (G.engine.timed_out()) break;
  }
  return take(self, type, site);
}

PyObject* get_nowait(PyObject* self, PyTypeObject* type, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  if (!here()) return get_nowait_original()(self, type, args, count, names);
  SiteId site = kNoSite;
  if (points_on()) {
    site = site_of_call(Op::kGet);
    if (!go(G.engine.point(Op::kGet, site, key_of(self)))) return nullptr;
  }
  if (count != 0 || names != nullptr) return get_nowait_original()(self, type, args, count, names);
  return take(self, type, site);
}

PyObject* put_with(void* original, PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  const auto put = reinterpret_cast<FastKeywords>(original);
  if (!here()) return put(self, args, count, names);
  const Key key = key_of(self);
  SiteId site = kNoSite;
  if (points_on()) {
    site = site_of_call(Op::kPut);
    if (!go(G.engine.point(Op::kPut, site, key))) return nullptr;
  }
  PyObject* result = put(self, args, count, names);
  if (result != nullptr) {
    G.engine.publish(key);
    G.engine.signal(key);
    if (G.observer != nullptr && points_on()) observe(Op::kPut, site, self, count > 0 ? args[0] : Py_None);
  }
  return result;
}
PyObject* put(PyObject* s, PyObject* const* a, Py_ssize_t n, PyObject* k) { return put_with(o_put, s, a, n, k); }
PyObject* put_nowait(PyObject* s, PyObject* const* a, Py_ssize_t n, PyObject* k) {
  return put_with(o_put_nowait, s, a, n, k);
}

PyObject* look_with(void* original, PyObject* self, PyObject* args) {
  if (here() && points_on() && !point(Op::kRead, key_of(self))) return nullptr;
  return reinterpret_cast<Plain>(original)(self, args);
}
PyObject* qsize(PyObject* s, PyObject* a) { return look_with(o_qsize, s, a); }
PyObject* empty(PyObject* s, PyObject* a) { return look_with(o_empty, s, a); }

}  // namespace

bool queue_has_items(PyObject* object) { return Py_IS_TYPE(object, queue_type) && !is_empty(object); }

bool install_queue() {
  PyObject* module = PyImport_ImportModule("_queue");
  PyObject* type = module ? PyObject_GetAttrString(module, "SimpleQueue") : nullptr;
  Py_XDECREF(module);
  if (type == nullptr) return false;
  constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(type, "get", METH_METHOD | kFast, f(get), &o_get) &&
                  swap_method(type, "get_nowait", METH_METHOD | kFast, f(get_nowait), &o_get_nowait) &&
                  swap_method(type, "put", kFast, f(put), &o_put) &&
                  swap_method(type, "put_nowait", kFast, f(put_nowait), &o_put_nowait) &&
                  swap_method(type, "qsize", METH_NOARGS, f(qsize), &o_qsize) &&
                  swap_method(type, "empty", METH_NOARGS, f(empty), &o_empty);
  queue_type = reinterpret_cast<PyTypeObject*>(type);  // for good
  return ok;
}

}  // namespace unblink
