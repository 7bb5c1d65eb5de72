// time.*, datetime.now and their relatives read one virtual clock; sleeping waits for it.
//
// The wall clock is the engine's; monotonic and performance counters count from the same start. Process and thread
// time leave out what was waited.
#include <unistd.h>

#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

enum Reading { kTime, kMonotonic, kPerf, kProcess, kThread, kReadings };
void* o_seconds[kReadings];
void* o_nanos[kReadings];
void *o_sleep, *o_gettime, *o_gettime_ns, *o_settime, *o_settime_ns, *o_localtime, *o_gmtime, *o_ctime, *o_asctime, *o_strftime, *o_now, *o_utcnow;

// Process and thread time leave out what was waited; all that takes time besides is to look at a clock.
constexpr Nanos kReadingTakes = 1'000;

// Sets an exception if the task has been told to exit meanwhile.
Nanos read(Reading reading) {
  if (is_spinning()) rest();
  const Nanos wall = G.engine.tick();
  if (!G.signals_for_main.empty() && G.current() == 0) trip_signals();  // the reading came to a timer's time
  switch (reading) {
    case kTime: return wall + G.wall_offset;
    case kMonotonic:
    case kPerf: return wall - G.epoch + kBoot;
    default: return G.processor_time += kReadingTakes;
  }
}

template <Reading R>
PyObject* seconds(PyObject* self, PyObject* args) {
  if (!here()) return reinterpret_cast<Plain>(o_seconds[R])(self, args);
  const Nanos now = read(R);
  return PyErr_Occurred() ? nullptr : PyFloat_FromDouble(static_cast<double>(now) * 1e-9);
}

template <Reading R>
PyObject* nanos(PyObject* self, PyObject* args) {
  if (!here()) return reinterpret_cast<Plain>(o_nanos[R])(self, args);
  const Nanos now = read(R);
  return PyErr_Occurred() ? nullptr : PyLong_FromLongLong(now);
}

PyObject* sleep(PyObject* self, PyObject* argument) {
  if (!here()) return reinterpret_cast<Plain>(o_sleep)(self, argument);
  Nanos duration;
  if (!timeout_of(argument, duration) || duration < 0) {
    PyErr_Clear();
    return reinterpret_cast<Plain>(o_sleep)(self, argument);  // raises
  }
  const SiteId site = site_of_call(Op::kSleep);
  if (duration == 0) {
    if (points_on() && !go(G.engine.point(Op::kYield, site, kNoKey))) return nullptr;
    Py_RETURN_NONE;
  }
  if (G.observer != nullptr && points_on()) observe(Op::kSleep, site, Py_None, argument);
  const Nanos deadline = deadline_after(duration);
  do {  // a signal breaks it off, and it goes on for what is left
    if (!go(G.engine.wait(Op::kSleep, site, kNoKey, deadline))) return nullptr;
  } while (!G.engine.timed_out() && deadline > G.engine.now());
  Py_RETURN_NONE;
}

// Which of our clocks is meant; kReadings for one that is left to the original.
Reading reading_of(PyObject* argument) {
#if PY_VERSION_HEX < 0x030D0000
  if (PyTuple_GET_SIZE(argument) != 1) return kReadings;
  argument = PyTuple_GET_ITEM(argument, 0);
#endif
  const long id = PyLong_AsLong(argument);
  if (id == -1 && PyErr_Occurred()) {
    PyErr_Clear();  // the original raises it again
    return kReadings;
  }
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE: return kTime;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: return kMonotonic;
    case CLOCK_PROCESS_CPUTIME_ID: return kProcess;
    case CLOCK_THREAD_CPUTIME_ID: return kThread;
    default: return kReadings;
  }
}

PyObject* gettime(PyObject* self, PyObject* argument) {
  const Reading reading = here() ? reading_of(argument) : kReadings;
  if (reading == kReadings) return reinterpret_cast<Plain>(o_gettime)(self, argument);
  return PyFloat_FromDouble(static_cast<double>(read(reading)) * 1e-9);
}

PyObject* gettime_ns(PyObject* self, PyObject* argument) {
  const Reading reading = here() ? reading_of(argument) : kReadings;
  if (reading == kReadings) return reinterpret_cast<Plain>(o_gettime_ns)(self, argument);
  return PyLong_FromLongLong(read(reading));
}

// A program that sets the system's clock sets the execution's own: the real one belongs to the whole machine. Who is not
// allowed to, and any other clock, is refused by the original.
bool sets_wall(PyObject* args) {
  if (!here() || geteuid() != 0 || PyTuple_GET_SIZE(args) != 2 || !PyLong_Check(PyTuple_GET_ITEM(args, 0))) return false;
  const long id = PyLong_AsLong(PyTuple_GET_ITEM(args, 0));
  if (id == -1) PyErr_Clear();
  return id == CLOCK_REALTIME;
}

PyObject* set_wall(Nanos to) {
  G.wall_offset = to - G.engine.now();
  Py_RETURN_NONE;
}

PyObject* settime(PyObject* self, PyObject* args) {
  if (!sets_wall(args)) return reinterpret_cast<Plain>(o_settime)(self, args);
  Nanos to;
  return timeout_of(PyTuple_GET_ITEM(args, 1), to) ? set_wall(to) : nullptr;
}

PyObject* settime_ns(PyObject* self, PyObject* args) {
  if (!sets_wall(args)) return reinterpret_cast<Plain>(o_settime_ns)(self, args);
  const long long to = PyLong_AsLongLong(PyTuple_GET_ITEM(args, 1));
  return to == -1 && PyErr_Occurred() ? nullptr : set_wall(to);
}

// localtime(), gmtime() and ctime() take the time now when they are given none.
PyObject* with_now(void* original, PyObject* self, PyObject* args) {
  const bool given = PyTuple_GET_SIZE(args) > 0 && PyTuple_GET_ITEM(args, 0) != Py_None;
  if (!here() || given) return reinterpret_cast<Plain>(original)(self, args);
  PyObject* filled = Py_BuildValue("(d)", static_cast<double>(read(kTime)) * 1e-9);
  if (filled == nullptr) return nullptr;
  PyObject* result = reinterpret_cast<Plain>(original)(self, filled);
  Py_DECREF(filled);
  return result;
}
PyObject* localtime(PyObject* s, PyObject* a) { return with_now(o_localtime, s, a); }
PyObject* gmtime(PyObject* s, PyObject* a) { return with_now(o_gmtime, s, a); }
PyObject* ctime(PyObject* s, PyObject* a) { return with_now(o_ctime, s, a); }

PyObject* local_tuple(PyObject* self) {
  PyObject* none = PyTuple_New(0);
  if (none == nullptr) return nullptr;
  PyObject* result = with_now(o_localtime, self, none);
  Py_DECREF(none);
  return result;
}

PyObject* asctime(PyObject* self, PyObject* args) {
  if (!here() || PyTuple_GET_SIZE(args) != 0) return reinterpret_cast<Plain>(o_asctime)(self, args);
  PyObject* local = local_tuple(self);
  if (local == nullptr) return nullptr;
  PyObject* filled = PyTuple_Pack(1, local);
  Py_DECREF(local);
  PyObject* result = filled ? reinterpret_cast<Plain>(o_asctime)(self, filled) : nullptr;
  Py_XDECREF(filled);
  return result;
}

PyObject* strftime(PyObject* self, PyObject* args) {
  if (!here() || PyTuple_GET_SIZE(args) != 1) return reinterpret_cast<Plain>(o_strftime)(self, args);
  PyObject* local = local_tuple(self);
  if (local == nullptr) return nullptr;
  PyObject* filled = PyTuple_Pack(2, PyTuple_GET_ITEM(args, 0), local);
  Py_DECREF(local);
  PyObject* result = filled ? reinterpret_cast<Plain>(o_strftime)(self, filled) : nullptr;
  Py_XDECREF(filled);
  return result;
}

PyObject* from_timestamp(PyObject* type, const char* method, PyObject* zone) {
  const double stamp = static_cast<double>(read(kTime) / 1000) * 1e-6;
  if (zone == nullptr || zone == Py_None) return PyObject_CallMethod(type, method, "d", stamp);
  return PyObject_CallMethod(type, method, "dO", stamp, zone);
}

PyObject* now(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const bool usual = count + named <= 1 && (named == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "tz") == 0);
  if (!here() || !usual) return reinterpret_cast<Fast>(o_now)(type, args, count, names);
  return from_timestamp(type, "fromtimestamp", count + named == 1 ? args[0] : nullptr);
}

PyObject* utcnow(PyObject* type, PyObject* args) {
  if (!here()) return reinterpret_cast<Plain>(o_utcnow)(type, args);
  return from_timestamp(type, "utcfromtimestamp", nullptr);
}

}  // namespace

bool install_clocks() {
  PyObject* time = PyImport_ImportModule("time");
  PyObject* datetime_module = time ? PyImport_ImportModule("datetime") : nullptr;
  PyObject* datetime = datetime_module ? PyObject_GetAttrString(datetime_module, "datetime") : nullptr;
  Py_XDECREF(datetime_module);
  if (datetime == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
#if PY_VERSION_HEX >= 0x030D0000
  constexpr int kGettime = METH_O;
#else
  constexpr int kGettime = METH_VARARGS;
#endif
  const bool ok =
      swap_method(time, "time", METH_NOARGS, f(seconds<kTime>), &o_seconds[kTime]) &&
      swap_method(time, "time_ns", METH_NOARGS, f(nanos<kTime>), &o_nanos[kTime]) &&
      swap_method(time, "monotonic", METH_NOARGS, f(seconds<kMonotonic>), &o_seconds[kMonotonic]) &&
      swap_method(time, "monotonic_ns", METH_NOARGS, f(nanos<kMonotonic>), &o_nanos[kMonotonic]) &&
      swap_method(time, "perf_counter", METH_NOARGS, f(seconds<kPerf>), &o_seconds[kPerf]) &&
      swap_method(time, "perf_counter_ns", METH_NOARGS, f(nanos<kPerf>), &o_nanos[kPerf]) &&
      swap_method(time, "process_time", METH_NOARGS, f(seconds<kProcess>), &o_seconds[kProcess]) &&
      swap_method(time, "process_time_ns", METH_NOARGS, f(nanos<kProcess>), &o_nanos[kProcess]) &&
      swap_method(time, "thread_time", METH_NOARGS, f(seconds<kThread>), &o_seconds[kThread]) &&
      swap_method(time, "thread_time_ns", METH_NOARGS, f(nanos<kThread>), &o_nanos[kThread]) &&
      swap_method(time, "sleep", METH_O, f(sleep), &o_sleep) &&
      swap_method(time, "clock_gettime", kGettime, f(gettime), &o_gettime) &&
      swap_method(time, "clock_gettime_ns", kGettime, f(gettime_ns), &o_gettime_ns) &&
      swap_method(time, "clock_settime", METH_VARARGS, f(settime), &o_settime) &&
      swap_method(time, "clock_settime_ns", METH_VARARGS, f(settime_ns), &o_settime_ns) &&
      swap_method(time, "localtime", METH_VARARGS, f(localtime), &o_localtime) &&
      swap_method(time, "gmtime", METH_VARARGS, f(gmtime), &o_gmtime) &&
      swap_method(time, "ctime", METH_VARARGS, f(ctime), &o_ctime) &&
      swap_method(time, "asctime", METH_VARARGS, f(asctime), &o_asctime) &&
      swap_method(time, "strftime", METH_VARARGS, f(strftime), &o_strftime) &&
      swap_method(datetime, "now", METH_FASTCALL | METH_KEYWORDS | METH_CLASS, f(now), &o_now) &&
      swap_method(datetime, "utcnow", METH_NOARGS | METH_CLASS, f(utcnow), &o_utcnow);
  Py_DECREF(time);
  Py_DECREF(datetime);
  return ok;
}

}  // namespace unblink
