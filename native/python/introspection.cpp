// What a program can ask of all its threads at once: how many there are, where they stand, a tracer for each. The
// interpreter knows the one OS thread, so the tasks are put in its place.
#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
void *o_count, *o_frames, *o_exceptions, *o_trace_all, *o_profile_all;

bool lives(TaskId id) { return !G.task(id).ended && !G.task(id).abandoned; }

// Threads that _thread started: main is none of them.
PyObject* count(PyObject* self, PyObject* args) {
  PyObject* outside = reinterpret_cast<Plain>(o_count)(self, args);
  if (outside == nullptr || !here()) return outside;
  long tasks = 0;
  for (std::size_t i = 1; i < G.task_count; ++i) tasks += lives(static_cast<TaskId>(i));
  PyObject* all = PyLong_FromLong(PyLong_AsLong(outside) + tasks);
  Py_DECREF(outside);
  return all;
}

// The original answers for the OS thread by main's ident, with what is the current task's. Moves it to where it belongs.
bool give_to_current(PyObject* by_ident) {
  PyObject* mine = Py_XNewRef(PyDict_GetItemWithError(by_ident, G.task(0).ident));
  if (mine == nullptr) return !PyErr_Occurred();
  const bool done = PyDict_DelItem(by_ident, G.task(0).ident) == 0 && PyDict_SetItem(by_ident, G.me().ident, mine) == 0;
  Py_DECREF(mine);
  return done;
}

PyObject* frames(PyObject* self, PyObject* args) {
  PyObject* by_ident = reinterpret_cast<Plain>(o_frames)(self, args);
  if (by_ident == nullptr || !here()) return by_ident;
  bool done = give_to_current(by_ident);
  for (std::size_t i = 0; done && i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    if (id == G.current() || !lives(id)) continue;
    PyObject* frame = frame_of(G.task(id));
    if (frame != Py_None) done = PyDict_SetItem(by_ident, G.task(id).ident, frame) == 0;
    Py_DECREF(frame);
  }
  if (!done) Py_CLEAR(by_ident);
  return by_ident;
}

PyObject* exceptions(PyObject* self, PyObject* args) {
  PyObject* by_ident = reinterpret_cast<Plain>(o_exceptions)(self, args);
  if (by_ident != nullptr && here() && !give_to_current(by_ident)) Py_CLEAR(by_ident);
  return by_ident;
}

// Sets a tracer for the current thread state by the original, and then the same for each task that is not running.
PyObject* hook_all(void* original, bool trace, PyObject* self, PyObject* hook) {
  PyObject* result = reinterpret_cast<Plain>(original)(self, hook);
  if (result == nullptr || !here()) return result;
  PyThreadState* ts = G.thread_state;
  Task& me = G.me();
  me.fields.save(ts);
  const Py_tracefunc function = trace ? ts->c_tracefunc : ts->c_profilefunc;
  PyObject* object = hook == Py_None ? nullptr : hook;
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    if (id == G.current() || !lives(id)) continue;
    G.task(id).fields.load(ts);
    trace ? PyEval_SetTrace(function, object) : PyEval_SetProfile(function, object);
    G.task(id).fields.save(ts);
  }
  me.fields.load(ts);
  return result;
}
PyObject* trace_all(PyObject* self, PyObject* hook) { return hook_all(o_trace_all, true, self, hook); }
PyObject* profile_all(PyObject* self, PyObject* hook) { return hook_all(o_profile_all, false, self, hook); }

}  // namespace

bool install_introspection() {
  PyObject* thread = PyImport_ImportModule("_thread");
  PyObject* sys = thread ? PyImport_ImportModule("sys") : nullptr;
  if (sys == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(thread, "_count", METH_NOARGS, f(count), &o_count) &&
                  swap_method(sys, "_current_frames", METH_NOARGS, f(frames), &o_frames) &&
                  swap_method(sys, "_current_exceptions", METH_NOARGS, f(exceptions), &o_exceptions)
#if PY_VERSION_HEX >= 0x030C0000
                  && swap_method(sys, "_settraceallthreads", METH_O, f(trace_all), &o_trace_all) &&
                  swap_method(sys, "_setprofileallthreads", METH_O, f(profile_all), &o_profile_all)
#endif
      ;
  (void)trace_all;
  (void)profile_all;
  Py_DECREF(thread);
  Py_DECREF(sys);
  return ok;
}

}  // namespace unblink
