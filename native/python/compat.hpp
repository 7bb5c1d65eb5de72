// Everything that differs between CPython 3.11, 3.12 and 3.13, or that CPython does not promise. Whatever is
// read from a private structure here is checked against the interpreter when the ground is installed
// (see check_layouts in swap.cpp): a layout that is not the expected one is refused, never guessed.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <frameobject.h>
#include <pythread.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030E0000
#error "unblink supports CPython 3.11, 3.12 and 3.13"
#endif
#ifdef Py_GIL_DISABLED
#error "unblink needs a CPython with the GIL"
#endif

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#define UNBLINK_DEFINED_BUILD_CORE
#endif
extern "C" {
#include <internal/pycore_frame.h>
#if PY_VERSION_HEX >= 0x030D0000
#include <internal/pycore_time.h>
#endif
}
#ifdef UNBLINK_DEFINED_BUILD_CORE
#undef Py_BUILD_CORE
#endif

#include <algorithm>
#include <cstdint>

namespace unblink::compat {

// ---- the current thread state, without a check that it exists
inline PyThreadState* thread_state() {
#if PY_VERSION_HEX >= 0x030D0000
  return PyThreadState_GetUnchecked();
#else
  return _PyThreadState_UncheckedGet();
#endif
}

// ---- locks: what _thread.lock and _thread.RLock are made of
struct Lock {
  PyObject_HEAD
  PyThread_type_lock lock;
  PyObject* weak_references;
  char locked;
};

struct RLock {
  PyObject_HEAD
  PyThread_type_lock lock;
  unsigned long owner;
  unsigned long count;
  PyObject* weak_references;
};

// ---- random.Random: an index and 624 words
struct RandomState {
  PyObject_HEAD
  int index;
  std::uint32_t words[624];
};

// ---- sockets
struct Socket {
  PyObject_HEAD
  int descriptor;  // -1: closed
  int family;
  int type;
  int protocol;
  PyObject* (*error)();
  std::int64_t timeout;  // nanoseconds; negative: none
};

// ---- dict views
struct DictView {
  PyObject_HEAD
  PyObject* dict;
};

// ---- interpreter frames
using Frame = _PyInterpreterFrame;

inline Frame* top_frame(PyThreadState* ts) {
#if PY_VERSION_HEX >= 0x030D0000
  Frame* frame = ts->current_frame;
#else
  Frame* frame = ts->cframe->current_frame;
#endif
  return frame;
}

inline PyCodeObject* code_of(Frame* frame) {
#if PY_VERSION_HEX >= 0x030D0000
  return PyCode_Check(frame->f_executable) ? reinterpret_cast<PyCodeObject*>(frame->f_executable) : nullptr;
#else
  return frame->f_code;
#endif
}

// Frames that the interpreter keeps for itself between C and Python have no source.
inline bool is_python(Frame* frame) {
#if PY_VERSION_HEX >= 0x030C0000
  if (frame->owner == FRAME_OWNED_BY_CSTACK) return false;
  // Where a specialised call makes an object, the interpreter's own code stands below __init__; its file is called as it is.
  const PyCodeObject* code = code_of(frame);
  return code != nullptr && code->co_filename != code->co_name;
#else
  (void)frame;
  return true;
#endif
}

inline int instruction_of(Frame* frame) { return _PyInterpreterFrame_LASTI(frame); }

// Borrowed: the first argument of a function, if it has one.
inline PyObject* first_local(Frame* frame) {
  const bool has = frame != nullptr && is_python(frame) && code_of(frame)->co_argcount > 0;
  return has ? frame->localsplus[0] : nullptr;
}

// The frame of a coroutine that has not ended, without a Python object made for it.
inline Frame* frame_of(PyCoroObject* coroutine) {
  return coroutine->cr_frame_state < FRAME_COMPLETED ? reinterpret_cast<Frame*>(&coroutine->cr_iframe) : nullptr;
}

// One call is one place, whether it was specialised or not: 3.11 makes it at PRECALL or at the CALL behind.
inline int call_of(PyCodeObject* code, int instruction) {
#if PY_VERSION_HEX < 0x030C0000
  constexpr int kPrecall = 166;
  PyObject* bytes = PyCode_GetCode(code);
  if (bytes == nullptr) {
    PyErr_Clear();
    return instruction;
  }
  const Py_ssize_t at = static_cast<Py_ssize_t>(instruction) * 2;
  const bool before = at >= 0 && at < PyBytes_GET_SIZE(bytes) && static_cast<unsigned char>(PyBytes_AS_STRING(bytes)[at]) == kPrecall;
  Py_DECREF(bytes);
  return before ? instruction + 2 : instruction;
#else
  (void)code;
  return instruction;
#endif
}

// The call of __exit__ at the end of a `with`: its three arguments are one constant, and stand where the call does. From 3.13 on
// that is the place of the expression, which may be a call itself.
inline bool leaves_with(PyCodeObject* code, const char* text, int instruction) {
  int here[4], there[4];
  if (instruction < 3 || !PyCode_Addr2Location(code, instruction * 2, &here[0], &here[1], &here[2], &here[3])) return false;
  for (int i = instruction - 3; i < instruction; ++i) {
    if (text[i * 2] != text[instruction * 2 - 2] || text[i * 2 + 1] != text[instruction * 2 - 1]) return false;
    if (!PyCode_Addr2Location(code, i * 2, &there[0], &there[1], &there[2], &there[3]) || !std::equal(here, here + 4, there)) return false;
  }
  return true;
}

// Some calls are compiled twice, such as those of a `while`'s condition, at its top and at its bottom, or of a
// `finally`: the first of those instructions stands for all.
inline int first_of_twins(PyCodeObject* code, int instruction) {
  PyObject* bytes = PyCode_GetCode(code);
  if (bytes == nullptr) {
    PyErr_Clear();
    return instruction;
  }
  const char* text = PyBytes_AS_STRING(bytes);
  const int end = static_cast<int>(PyBytes_GET_SIZE(bytes) / 2);
  int found = instruction;
  int here[4];
#if PY_VERSION_HEX < 0x030D0000
  constexpr int kBeforeWith = 53;  // `with a, b:` enters both at one place, that of the statement
  if (instruction < end && static_cast<unsigned char>(text[instruction * 2]) == kBeforeWith) {
    Py_DECREF(bytes);
    return instruction;
  }
#endif
  if (instruction < end && PyCode_Addr2Location(code, instruction * 2, &here[0], &here[1], &here[2], &here[3]) && here[1] >= 0) {
    for (int i = 0; i < instruction; ++i) {
      int there[4];
      if (text[i * 2] != text[instruction * 2]) continue;
      if (!PyCode_Addr2Location(code, i * 2, &there[0], &there[1], &there[2], &there[3])) continue;
      if (std::equal(here, here + 4, there) && leaves_with(code, text, i) == leaves_with(code, text, instruction)) {
        found = i;
        break;
      }
    }
  }
  Py_DECREF(bytes);
  return found;
}

// ---- seconds, as every timeout of the interpreter is read: rounded away from zero, with its errors
inline bool nanos_of(PyObject* seconds, std::int64_t& nanos) {
  return _PyTime_FromSecondsObject(&nanos, seconds, _PyTime_ROUND_TIMEOUT) == 0;
}

// ---- asyncio's running loop: in the thread's dict; from 3.13 on in the thread state, in the first field behind the public ones.
// Whether that is so is found out once asyncio has been imported: `module` is _asyncio.
#if PY_VERSION_HEX >= 0x030D0000
inline bool running_loop_is_in_state = false;
inline PyObject*& running_loop_of(PyThreadState* ts) { return *reinterpret_cast<PyObject**>(ts + 1); }

inline void find_running_loop(PyObject* module) {
  PyThreadState* ts = thread_state();
  PyObject* before = PyObject_CallMethod(module, "_get_running_loop", nullptr);
  if (before == Py_None && running_loop_of(ts) == nullptr) {
    Py_XDECREF(PyObject_CallMethod(module, "_set_running_loop", "O", module));  // any object will do
    const bool there = running_loop_of(ts) == module;
    Py_XDECREF(PyObject_CallMethod(module, "_set_running_loop", "O", Py_None));
    running_loop_is_in_state = there && running_loop_of(ts) == nullptr;
  } else {  // it runs already
    running_loop_is_in_state = before != nullptr && running_loop_of(ts) == before;
  }
  Py_XDECREF(before);
  PyErr_Clear();
}
#else
inline void find_running_loop(PyObject*) {}
#endif

// ---- what CPython keeps per thread and greenlet does not swap
struct ThreadFields {
  PyObject* dict = nullptr;
  PyObject* running_loop = nullptr;  // of asyncio
  std::uint64_t id = 0;
  Py_tracefunc trace_function = nullptr;
  Py_tracefunc profile_function = nullptr;
  PyObject* trace_object = nullptr;
  PyObject* profile_object = nullptr;
  PyObject* asyncgen_firstiter = nullptr;
  PyObject* asyncgen_finalizer = nullptr;
  int coroutine_origin_depth = 0;
  int tracing = 0;  // how deep it stands inside of a tracer
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* local_key = nullptr;
  PyObject* local_sentinel = nullptr;
#endif

  void save(PyThreadState* ts) {
    dict = ts->dict;
    id = ts->id;
    trace_function = ts->c_tracefunc;
    profile_function = ts->c_profilefunc;
    trace_object = ts->c_traceobj;
    profile_object = ts->c_profileobj;
    asyncgen_firstiter = ts->async_gen_firstiter;
    asyncgen_finalizer = ts->async_gen_finalizer;
    coroutine_origin_depth = ts->coroutine_origin_tracking_depth;
    tracing = ts->tracing;
#if PY_VERSION_HEX >= 0x030D0000
    if (running_loop_is_in_state) running_loop = running_loop_of(ts);
    local_key = ts->threading_local_key;
    local_sentinel = ts->threading_local_sentinel;
#endif
  }

  void load(PyThreadState* ts) const {
    ts->dict = dict;
    ts->id = id;
    ts->c_tracefunc = trace_function;
    ts->c_profilefunc = profile_function;
    ts->c_traceobj = trace_object;
    ts->c_profileobj = profile_object;
    ts->async_gen_firstiter = asyncgen_firstiter;
    ts->async_gen_finalizer = asyncgen_finalizer;
    ts->coroutine_origin_tracking_depth = coroutine_origin_depth;
    ts->tracing = tracing;
#if PY_VERSION_HEX >= 0x030D0000
    if (running_loop_is_in_state) running_loop_of(ts) = running_loop;
    ts->threading_local_key = local_key;
    ts->threading_local_sentinel = local_sentinel;
#endif
  }
};

// 3.11 keeps in the C frame, too, whether there is a tracer, and greenlet hands that on from one to the next: with the fields
// of a task loaded, it is made its own again.
inline void go_on_tracing(PyThreadState* ts) {
#if PY_VERSION_HEX < 0x030C0000
  const bool traced = ts->tracing == 0 && (ts->c_tracefunc != nullptr || ts->c_profilefunc != nullptr);
  ts->cframe->use_tracing = traced ? 255 : 0;
#else
  (void)ts;
#endif
}

// What happens to a thread state when its thread ends, as far as the program can observe it: the thread's
// dict (and so its threading.local values), its tracing and its context go.
inline void end_thread(PyThreadState* ts) {
  if (ts->c_tracefunc != nullptr) PyEval_SetTrace(nullptr, nullptr);
  if (ts->c_profilefunc != nullptr) PyEval_SetProfile(nullptr, nullptr);
  Py_CLEAR(ts->async_gen_firstiter);
  Py_CLEAR(ts->async_gen_finalizer);
  Py_CLEAR(ts->dict);
#if PY_VERSION_HEX >= 0x030D0000
  if (running_loop_is_in_state) Py_CLEAR(running_loop_of(ts));
  Py_CLEAR(ts->threading_local_key);
  Py_CLEAR(ts->threading_local_sentinel);
#endif
  if (ts->context != nullptr) {
    Py_CLEAR(ts->context);
    ++ts->context_ver;
  }
}

// What the interpreter says of an exception that left the function of a bare thread.
inline void unraisable_in_thread(PyObject* function) {
#if PY_VERSION_HEX >= 0x030D0000
  PyErr_FormatUnraisable("Exception ignored in thread started by %R", function);
#else
  _PyErr_WriteUnraisableMsg("in thread started by", function);
#endif
}

// ---- the value of an exact int that is not negative and below 2**30: a site's number
inline std::uint32_t small_int(PyObject* number) {
  auto* digits = reinterpret_cast<PyLongObject*>(number);
#if PY_VERSION_HEX >= 0x030C0000
  return digits->long_value.ob_digit[0];
#else
  return digits->ob_digit[0];
#endif
}

// ---- borrowed look-up of an attribute on a type, through its MRO; no error is set
inline PyObject* type_lookup(PyTypeObject* type, PyObject* name) { return _PyType_Lookup(type, name); }

// _io.FileIO begins with its descriptor.
inline int file_descriptor(PyObject* file) { return *reinterpret_cast<int*>(reinterpret_cast<char*>(file) + sizeof(PyObject)); }

inline unsigned int type_version(PyTypeObject* type) { return type->tp_version_tag; }

}  // namespace unblink::compat
