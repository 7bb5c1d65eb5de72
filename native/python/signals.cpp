// Signals that the program sends to itself: by timers of the system (alarm, setitimer), kill() and their relatives.
//
// A timer of real time is one of virtual time: the engine's bell. As in life its signal comes to main, whoever runs: its
// handler runs before main's next bytecode, or breaks off main's wait where the interpreter would run handlers after
// EINTR, and go on waiting for what is left. All tasks live on one OS thread, which the system would interrupt whoever
// runs; so a signal of another task is kept until main goes on.
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "descriptors.hpp"
#include "foreign_loops.hpp"
#include "ground.hpp"
#include "outside.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

void *o_interrupt_main, *o_setitimer, *o_getitimer, *o_alarm, *o_pause, *o_sigwait, *o_sigwaitinfo, *o_sigtimedwait, *o_kill, *o_raise,
    *o_pthread_kill;

constexpr Nanos kSecond = 1'000'000'000;

Nanos interval = 0;
bool breaks_wait = false;              // of main, which waits for that to be told
std::atomic<bool> armed{false};        // both are read by the watch
std::atomic<Nanos> really_due{kForever};  // when the signal would have come in real time

bool has_handler(int number) {
  struct sigaction action;
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

bool is_blocked(int number) {
  sigset_t mask;
  return pthread_sigmask(SIG_BLOCK, nullptr, &mask) == 0 && sigismember(&mask, number) == 1;
}

// SQLite waits on, whatever comes: those are keys of which nothing is told, and nobody probes there.
bool can_be_broken_off(TaskId actor) {
  const TaskRecord& record = G.engine.task(actor);
  return record.state == TaskState::kWaiting && (static_cast<bool>(G.task(0).probe) || (record.waits_for & kTaskKeys) != 0 || (record.waits_for & kUntold) == 0);
}

void send_to_main(int number, bool wakes) {
  G.signals_for_main.push_back({number, true});
  const TaskId actor = G.engine.task(0).acting;
  if (wakes && can_be_broken_off(actor) && G.engine.break_wait(actor)) breaks_wait = true;
}

// ---------------------------------------------------------------- the timer

void set_timer(Nanos value, Nanos every) {
  interval = every;
  really_due = value == 0 ? kForever : value > kForever - real_now() ? kForever : real_now() + value;
  armed = value != 0;
  G.engine.set_bell(value == 0 ? kForever : deadline_after(value));
}

void ring() {
  const Nanos due = G.engine.bell();
  const bool rings = armed;  // else it rang in real time
  if (interval == 0) armed = false;
  const bool blocked = is_blocked(SIGALRM);
  const bool again = interval > 0 && !blocked;  // while it is blocked, one is pending: await_pending() sets the next
  G.engine.set_bell(again ? due + ((G.engine.now() - due) / interval + 1) * interval : kForever);
  if (!rings) return;
  if (blocked)
    ::raise(SIGALRM);
  else
    send_to_main(SIGALRM, true);
}

Nanos remaining() {
  const Nanos due = armed ? G.engine.bell() : kForever;
  return due == kForever ? 0 : std::max<Nanos>(due - G.engine.now(), 1'000);
}

PyObject* state_of_timer() {
  return Py_BuildValue("(dd)", static_cast<double>(remaining()) * 1e-9, static_cast<double>(armed ? interval : 0) * 1e-9);
}

// Whether it is the timer of real time; the others count the time of the processor.
bool is_of_real_time(PyObject* which) {
  const long number = PyLong_AsLong(which);
  if (number == -1) PyErr_Clear();
  return number == ITIMER_REAL;
}

PyObject* setitimer_here(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_setitimer);
  if (!here() || count < 2 || count > 3) return original(self, args, count);
  note_uncontrolled(Uncontrolled::kSignal);
  Nanos value = 0, every = 0;
  if (!is_of_real_time(args[0])) return original(self, args, count);
  if (!timeout_of(args[1], value) || (count == 3 && !timeout_of(args[2], every)) || value < 0 || every < 0) {
    PyErr_Clear();
    return original(self, args, count);  // raises
  }
  PyObject* before = state_of_timer();
  set_timer(value, every);
  return before;
}

PyObject* getitimer_here(PyObject* self, PyObject* which) {
  return here() && is_of_real_time(which) ? state_of_timer() : reinterpret_cast<Plain>(o_getitimer)(self, which);
}

PyObject* alarm_here(PyObject* self, PyObject* seconds) {
  const int asked = here() ? static_cast<int>(PyLong_AsLong(seconds)) : 0;
  if (!here() || PyErr_Occurred()) {
    PyErr_Clear();
    return reinterpret_cast<Plain>(o_alarm)(self, seconds);
  }
  note_uncontrolled(Uncontrolled::kSignal);
  const Nanos left = remaining();
  set_timer(static_cast<unsigned>(asked) * kSecond, 0);
  return PyLong_FromLongLong(left > 0 && left < kSecond ? 1 : (left + kSecond / 2) / kSecond);  // as the system rounds
}

// ---------------------------------------------------------------- waiting for signals

PyObject* pause_here(PyObject* self, PyObject* none) {
  if (!here() || G.current() != 0) return reinterpret_cast<Plain>(o_pause)(self, none);
  const SiteId site = site_of_call(Op::kSleep);
  const std::uint64_t before = G.broken_waits;
  while (G.broken_waits == before)
    if (!go(G.engine.wait(Op::kSleep, site, kNoKey, kForever))) return nullptr;
  Py_RETURN_NONE;
}

bool read_set(PyObject* numbers, sigset_t& set) {
  sigemptyset(&set);
  if (!PyAnySet_Check(numbers) && !PyList_Check(numbers) && !PyTuple_Check(numbers)) return false;  // read twice
  PyObject* list = PySequence_List(numbers);
  bool ok = list != nullptr;
  for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(list); ++i) {
    const long number = PyLong_AsLong(PyList_GET_ITEM(list, i));
    ok = number > 0 && sigaddset(&set, static_cast<int>(number)) == 0;
  }
  Py_XDECREF(list);
  PyErr_Clear();
  return ok;
}

// False: an exception is set.
bool await_pending(PyObject* numbers, Nanos timeout) {
  sigset_t set;
  if (!here() || !read_set(numbers, set)) return true;
  if (armed && G.engine.bell() == kForever && sigismember(&set, SIGALRM) == 1) G.engine.set_bell(deadline_after(interval));
  const Probe probe = [set] {
    sigset_t pending;
    sigpending(&pending);
    for (int number = 1; number < NSIG; ++number)
      if (sigismember(&pending, number) == 1 && sigismember(&set, number) == 1) return 1;
    return 0;
  };
  return await_probe(probe, Op::kSleep, deadline_after(timeout)) >= 0;
}

PyObject* sigwait_here(PyObject* self, PyObject* set) {
  return await_pending(set, kForever) ? reinterpret_cast<Plain>(o_sigwait)(self, set) : nullptr;
}

PyObject* sigwaitinfo_here(PyObject* self, PyObject* set) {
  return await_pending(set, kForever) ? reinterpret_cast<Plain>(o_sigwaitinfo)(self, set) : nullptr;
}

PyObject* sigtimedwait_here(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_sigtimedwait);
  Nanos timeout;
  if (!here() || count != 2 || !timeout_of(args[1], timeout) || timeout < 0) {
    PyErr_Clear();
    return original(self, args, count);
  }
  if (!await_pending(args[0], timeout)) return nullptr;
  static PyObject* zero = PyLong_FromLong(0);
  PyObject* at_once[] = {args[0], zero};
  return original(self, at_once, 2);
}

// ---------------------------------------------------------------- sending them

// The handler runs in main, whoever asks for it; so the request waits until main goes on.
PyObject* interrupt_main(PyObject* self, PyObject* args) {
  const auto original = reinterpret_cast<Plain>(o_interrupt_main);
  if (!here() || G.current() <= 0 || G.unwinding) return original(self, args);
  int number = SIGINT;
  if (!PyArg_ParseTuple(args, "|i:interrupt_main", &number)) return nullptr;
  if (number < 1 || number >= NSIG) return original(self, args);  // raises
  G.signals_for_main.push_back({number, false});
  Py_RETURN_NONE;
}

// Whether a signal that a task other than main sends to this process is main's affair: it has a handler.
bool is_for_main(long number) {
  return here() && G.current() > 0 && !G.unwinding && number > 0 && number < NSIG && has_handler(static_cast<int>(number)) &&
         !is_blocked(static_cast<int>(number));
}

long number_of(PyObject* object) {
  const long number = PyLong_AsLong(object);
  if (number == -1) PyErr_Clear();
  return number;
}

PyObject* kill_here(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (!here() || count != 2 || number_of(args[0]) != getpid() || !is_for_main(number_of(args[1]))) return reinterpret_cast<Fast>(o_kill)(self, args, count);
  note_uncontrolled(Uncontrolled::kSignal);
  send_to_main(static_cast<int>(number_of(args[1])), true);
  Py_RETURN_NONE;
}

// It comes to the thread that raises it, and so breaks off no wait of main's.
PyObject* raise_here(PyObject* self, PyObject* number) {
  if (!here() || !is_for_main(number_of(number))) return reinterpret_cast<Plain>(o_raise)(self, number);
  note_uncontrolled(Uncontrolled::kSignal);
  send_to_main(static_cast<int>(number_of(number)), false);
  Py_RETURN_NONE;
}

TaskId task_of_ident(PyObject* ident) {
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const Task& task = G.task(static_cast<TaskId>(i));
    if (task.ident != nullptr && task.kind == TaskKind::kThread && PyObject_RichCompareBool(task.ident, ident, Py_EQ) == 1) return static_cast<TaskId>(i);
  }
  PyErr_Clear();
  return kNone;
}

// A task's ident means nothing to the system.
PyObject* pthread_kill_here(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_pthread_kill);
  const TaskId to = here() && count == 2 && PyLong_Check(args[0]) ? task_of_ident(args[0]) : kNone;
  const long number = to != kNone ? number_of(args[1]) : -1;
  if (to == kNone || (to == 0 && !is_for_main(number))) return original(self, args, count);
  if (G.task(to).ended) {
    errno = ESRCH;
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  if (number != 0 && (number < 0 || number >= NSIG || !has_handler(static_cast<int>(number)) || G.current() == 0)) {
    PyObject* to_process[] = {G.task(0).ident, args[1]};
    return original(self, to_process, 2);
  }
  if (number == 0) Py_RETURN_NONE;
  note_uncontrolled(Uncontrolled::kSignal);
  send_to_main(static_cast<int>(number), to == 0);
  Py_RETURN_NONE;
}

// ---------------------------------------------------------------- who may handle them

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

template <class... Rest>
PyObject* set_wakeup_fd_with(bool sets, PyObject* self, Rest... rest) {
  if (sets && !may_be_woken()) return nullptr;
  return reinterpret_cast<PyObject* (*)(PyObject*, Rest...)>(o_set_wakeup_fd)(self, rest...);
}
PyObject* set_wakeup_fd_fast(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return set_wakeup_fd_with(count > 0, self, args, count, names);
}
PyObject* set_wakeup_fd_by_tuple(PyObject* self, PyObject* args, PyObject* names) {
  return set_wakeup_fd_with(PyTuple_GET_SIZE(args) > 0, self, args, names);
}

}  // namespace

void trip_signals() {
  for (const auto [number, really] : std::exchange(G.signals_for_main, {})) {
    if (really)
      ::raise(number);
    else
      PyErr_SetInterruptEx(number);
  }
}

bool deliver_signals() {
  trip_signals();
  if (!std::exchange(breaks_wait, false)) return true;
  ++G.broken_waits;
  G.me().probe = nullptr;  // who goes on with the wait sets it again; meanwhile a handler may wait itself
  const bool ok = PyErr_Occurred() != nullptr || PyErr_CheckSignals() == 0;
  G.engine.resume_wait();
  return ok;
}

void begin_signals() {
  G.engine.set_ring(ring);
  G.signals_for_main.clear();
  G.broken_waits = 0;
  interval = 0;
  armed = breaks_wait = false;
}

bool is_timer_overdue() { return armed && real_now() >= really_due; }

void raise_overdue() {
  if (interval == 0) armed = false;
  ::kill(getpid(), SIGALRM);
}

bool install_signals() {
  PyObject* signal = PyImport_ImportModule("_signal");
  PyObject* thread = signal ? PyImport_ImportModule("_thread") : nullptr;
  PyObject* posix = thread ? PyImport_ImportModule("posix") : nullptr;
  if (posix == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool by_tuple = convention_of(signal, "set_wakeup_fd") == (METH_VARARGS | METH_KEYWORDS);
  const bool ok = swap_method(thread, "interrupt_main", METH_VARARGS, f(interrupt_main), &o_interrupt_main) &&
                  swap_method(signal, "signal", METH_FASTCALL, f(signal_here), &o_signal) &&
                  swap_method(signal, "set_wakeup_fd", by_tuple ? METH_VARARGS | METH_KEYWORDS : METH_FASTCALL | METH_KEYWORDS,
                              by_tuple ? f(set_wakeup_fd_by_tuple) : f(set_wakeup_fd_fast), &o_set_wakeup_fd) &&
                  swap_method(signal, "setitimer", METH_FASTCALL, f(setitimer_here), &o_setitimer) &&
                  swap_method(signal, "getitimer", METH_O, f(getitimer_here), &o_getitimer) &&
                  swap_method(signal, "alarm", METH_O, f(alarm_here), &o_alarm) &&
                  swap_method(signal, "pause", METH_NOARGS, f(pause_here), &o_pause) &&
                  swap_method(signal, "sigwait", METH_O, f(sigwait_here), &o_sigwait) &&
                  swap_method(signal, "sigwaitinfo", METH_O, f(sigwaitinfo_here), &o_sigwaitinfo) &&
                  swap_method(signal, "sigtimedwait", METH_FASTCALL, f(sigtimedwait_here), &o_sigtimedwait) &&
                  swap_method(signal, "raise_signal", METH_O, f(raise_here), &o_raise) &&
                  swap_method(signal, "pthread_kill", METH_FASTCALL, f(pthread_kill_here), &o_pthread_kill) &&
                  swap_method(posix, "kill", METH_FASTCALL, f(kill_here), &o_kill);
  Py_DECREF(posix);
  Py_DECREF(thread);
  Py_DECREF(signal);
  return ok;
}

}  // namespace unblink
