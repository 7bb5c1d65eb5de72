// What a program can ask of all its threads at once: how many there are, where they stand, a tracer for each. The
// interpreter knows the one OS thread, so the tasks are put in its place.
#include <csignal>

#include "ground.hpp"
#include "foreign_loops.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
void *o_count, *o_frames, *o_exceptions, *o_trace_all, *o_profile_all, *o_interrupt_main;

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

// The handler runs in main, whoever asks for it; so the request waits until main goes on.
PyObject* interrupt_main(PyObject* self, PyObject* args) {
  const auto original = reinterpret_cast<Plain>(o_interrupt_main);
  if (!here() || G.current() <= 0 || G.unwinding) return original(self, args);
  int number = SIGINT;
  if (!PyArg_ParseTuple(args, "|i:interrupt_main", &number)) return nullptr;
  if (number < 1 || number >= NSIG) return original(self, args);  // raises
  G.signals_for_main.push_back(number);
  Py_RETURN_NONE;
}

// Only main may say what is done about signals. The interpreter looks at the OS thread, which is the same for all tasks; and
// there are programs that find out in this way whether they run in main.
void *o_signal, *o_set_wakeup_fd;

bool is_main(const char* what) {  // or an exception is set
  if (!here() || G.current() <= 0) return true;
  PyErr_Format(PyExc_ValueError, "%s only works in main thread of the main interpreter", what);
  return false;
}

bool may_be_woken() { return (here() && G.current() > 0 && refuse_loop_in_c()) ? false : is_main("set_wakeup_fd"); }

PyObject* signal_here(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count == 2 && !is_main("signal")) return nullptr;
  return reinterpret_cast<PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t)>(o_signal)(self, args, count);
}

#if PY_VERSION_HEX >= 0x030D0000
constexpr int kWakeup = METH_FASTCALL | METH_KEYWORDS;
PyObject* set_wakeup_fd_here(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  if (count > 0 && !may_be_woken()) return nullptr;
  return reinterpret_cast<PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)>(o_set_wakeup_fd)(self, args, count, names);
}
#else
constexpr int kWakeup = METH_VARARGS | METH_KEYWORDS;
PyObject* set_wakeup_fd_here(PyObject* self, PyObject* args, PyObject* names) {
  if (PyTuple_GET_SIZE(args) > 0 && !may_be_woken()) return nullptr;
  return reinterpret_cast<PyObject* (*)(PyObject*, PyObject*, PyObject*)>(o_set_wakeup_fd)(self, args, names);
}
#endif

// Timers of the system run in real time, and a signal comes to whichever task runs.

void *o_setitimer, *o_alarm;

PyObject* setitimer_here(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (here()) note_uncontrolled(Uncontrolled::kSignal);
  return reinterpret_cast<PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t)>(o_setitimer)(self, args, count);
}

PyObject* alarm_here(PyObject* self, PyObject* seconds) {
  if (here()) note_uncontrolled(Uncontrolled::kSignal);
  return reinterpret_cast<PyCFunction>(o_alarm)(self, seconds);
}

}  // namespace

void deliver_signals() {
  for (const int number : G.signals_for_main) PyErr_SetInterruptEx(number);
  G.signals_for_main.clear();
}

bool install_introspection() {
  PyObject* thread = PyImport_ImportModule("_thread");
  PyObject* sys = thread ? PyImport_ImportModule("sys") : nullptr;
  PyObject* signal = sys ? PyImport_ImportModule("_signal") : nullptr;
  if (signal == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(thread, "_count", METH_NOARGS, f(count), &o_count) &&
                  swap_method(thread, "interrupt_main", METH_VARARGS, f(interrupt_main), &o_interrupt_main) &&
                  swap_method(sys, "_current_frames", METH_NOARGS, f(frames), &o_frames) &&
                  swap_method(sys, "_current_exceptions", METH_NOARGS, f(exceptions), &o_exceptions) &&
                  swap_method(signal, "signal", METH_FASTCALL, f(signal_here), &o_signal) &&
                  swap_method(signal, "set_wakeup_fd", kWakeup, f(set_wakeup_fd_here), &o_set_wakeup_fd) &&
                  swap_method(signal, "setitimer", METH_FASTCALL, f(setitimer_here), &o_setitimer) &&
                  swap_method(signal, "alarm", METH_O, f(alarm_here), &o_alarm)
#if PY_VERSION_HEX >= 0x030C0000
                  && swap_method(sys, "_settraceallthreads", METH_O, f(trace_all), &o_trace_all) &&
                  swap_method(sys, "_setprofileallthreads", METH_O, f(profile_all), &o_profile_all)
#endif
      ;
  (void)trace_all;
  (void)profile_all;
  Py_DECREF(thread);
  Py_DECREF(sys);
  Py_DECREF(signal);
  return ok;
}

}  // namespace unblink
