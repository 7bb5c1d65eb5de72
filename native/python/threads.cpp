// Threads in both of CPython's forms: start_new_thread with a sentinel lock (before 3.13), and
// start_joinable_thread with a _ThreadHandle (from 3.13).
#include <unordered_map>

#include "ground.hpp"
#include "swap.hpp"
#include "threads.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Keywords = PyObject* (*)(PyObject*, PyObject*, PyObject*);

void *o_start_new_thread, *o_start_new, *o_get_ident, *o_get_native_id;
newfunc o_hook_arguments;
PyTypeObject* thread_type = nullptr;
PyObject* threading_module = nullptr;

constexpr unsigned long kNativeIds = 1UL << 22;  // beyond what Linux gives out by default

// A threading.Thread's own _bootstrap: the start of every thread that the threading module makes.
PyObject* thread_behind(PyObject* function) {
  if (!PyMethod_Check(function)) return nullptr;
  PyObject* self = PyMethod_GET_SELF(function);
  if (!PyObject_TypeCheck(self, thread_type)) return nullptr;
  PyObject* code = PyFunction_Check(PyMethod_GET_FUNCTION(function)) ? PyMethod_GET_FUNCTION(function) : nullptr;
  if (code == nullptr) return nullptr;
  PyObject* name = reinterpret_cast<PyFunctionObject*>(code)->func_name;
  return PyUnicode_CompareWithASCIIString(name, "_bootstrap") == 0 ? self : nullptr;
}

Key started_lock(PyObject* thread) {
  static PyObject* path[] = {PyUnicode_InternFromString("_started"), PyUnicode_InternFromString("_cond"),
                             PyUnicode_InternFromString("_lock")};
  PyObject* object = Py_NewRef(thread);
  for (PyObject* name : path) {
    PyObject* next = PyObject_GetAttr(object, name);
    Py_DECREF(object);
    if (next == nullptr) {
      PyErr_Clear();
      return kNoKey;
    }
    object = next;
  }
  const Key key = key_of(object);
  Py_DECREF(object);
  return key;
}

bool is_daemon(PyObject* thread) {
  static PyObject* name = PyUnicode_InternFromString("_daemonic");
  PyObject* flag = PyObject_GetAttr(thread, name);
  if (flag == nullptr) {
    PyErr_Clear();
    return false;
  }
  const bool daemon = PyObject_IsTrue(flag) == 1;
  Py_DECREF(flag);
  return daemon;
}

// Starts a task for `function`. The point stands before the start. A threading.Thread then runs at once up to just
// before its run(): the handshake in between is threading's own, and nothing of it can be observed.
TaskId start(PyObject* function, PyObject* args, PyObject* kwargs, bool daemon, PyObject* handle) {
  if (G.unwinding) {
    go(kNone);
    return kNone;
  }
  PyObject* thread = thread_behind(function);
  if (thread != nullptr) daemon = is_daemon(thread);
  const SiteId site = site_of_call(Op::kStart);
  if (points_on() && !go(G.engine.point(Op::kStart, site, kNoKey))) return kNone;
  const TaskId id = start_task(function, args, kwargs, daemon);
  if (id == kNone) return kNone;
  Task& task = G.task(id);
  task.created_at = site;
  task.handle = Py_XNewRef(handle);
  adopt_handle(id);
  if (G.observer != nullptr) {
    PyObject* number = PyLong_FromLong(id);
    observe(Op::kStart, site, thread != nullptr ? thread : function, number);
    Py_XDECREF(number);
  }
  if (thread == nullptr) return id;
  task.thread = Py_NewRef(thread);
  G.me().quiet_lock = started_lock(thread);
  return boot(id) ? id : kNone;
}

PyObject* start_new_with(void* original, PyObject* self, PyObject* args) {
  const bool usual = PyTuple_GET_SIZE(args) >= 2 && PyTuple_GET_SIZE(args) <= 3 &&
                     PyCallable_Check(PyTuple_GET_ITEM(args, 0)) && PyTuple_Check(PyTuple_GET_ITEM(args, 1)) &&
                     (PyTuple_GET_SIZE(args) == 2 || PyDict_Check(PyTuple_GET_ITEM(args, 2)));
  if (!here() || !usual) return reinterpret_cast<Plain>(original)(self, args);
  PyObject* kwargs = PyTuple_GET_SIZE(args) == 3 ? PyTuple_GET_ITEM(args, 2) : nullptr;
  // A bare thread is never waited for at exit: it is what a daemon is.
  const TaskId id = start(PyTuple_GET_ITEM(args, 0), PyTuple_GET_ITEM(args, 1), kwargs, true, nullptr);
  return id == kNone ? nullptr : Py_NewRef(G.task(id).ident);
}
PyObject* start_new_thread(PyObject* m, PyObject* a) { return start_new_with(o_start_new_thread, m, a); }
PyObject* start_new(PyObject* m, PyObject* a) { return start_new_with(o_start_new, m, a); }

PyObject* get_ident(PyObject* self, PyObject* args) {
  if (!here() || G.current() == kNone) {
    if (G.fork_ident != nullptr && compat::thread_state() == G.thread_state) return Py_NewRef(G.fork_ident);
    return reinterpret_cast<Plain>(o_get_ident)(self, args);
  }
  return Py_NewRef(G.me().ident);
}

PyObject* get_native_id(PyObject* self, PyObject* args) {
  if (!here() || G.current() <= 0) return reinterpret_cast<Plain>(o_get_native_id)(self, args);
  return PyLong_FromUnsignedLong(kNativeIds + static_cast<unsigned long>(G.current()));
}

// threading.Thread makes this structure when an exception leaves its run(), and hands it to the hook: here we see
// it whatever hook the program has set. Of a task that we end ourselves the hook must not hear: threading lets what is no
// Exception through from here.
PyObject* hook_arguments(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (here() && G.unwinding && G.current() > 0) {
    PyErr_SetNone(PyExc_SystemExit);
    return nullptr;
  }
  PyObject* made = o_hook_arguments(type, args, kwargs);
  if (made == nullptr || !here() || G.current() <= 0) return made;
  PyObject* exception = PySequence_GetItem(made, 0);
  if (exception != nullptr && exception != PyExc_SystemExit) {
    PyObject* hook = PyObject_GetAttrString(threading_module, "excepthook");
    G.unhandled.push_back({G.current(), Py_NewRef(exception), PySequence_GetItem(made, 1), PySequence_GetItem(made, 2), hook});
  }
  Py_XDECREF(exception);
  PyErr_Clear();
  return made;
}

#if PY_VERSION_HEX < 0x030D0000

void* o_set_sentinel;

PyObject* set_sentinel(PyObject* self, PyObject* args) {
  if (!here() || G.current() <= 0) return reinterpret_cast<Plain>(o_set_sentinel)(self, args);
  static PyObject* make = nullptr;
  if (make == nullptr) {
    PyObject* module = PyImport_ImportModule("_thread");
    make = module ? PyObject_GetAttrString(module, "allocate_lock") : nullptr;
    Py_XDECREF(module);
    if (make == nullptr) return nullptr;
  }
  PyObject* lock = PyObject_CallNoArgs(make);
  if (lock == nullptr) return nullptr;
  Py_XSETREF(G.me().sentinel, Py_NewRef(lock));
  return lock;
}

#else

void *o_joinable, *o_join, *o_is_done, *o_set_done;
getter o_handle_ident;
PyTypeObject* handle_type = nullptr;
std::unordered_map<PyObject*, TaskId> handles;  // of this execution; each task owns its handle

TaskId task_of(PyObject* handle) {
  if (!G.active && !G.forked) return kNone;
  const auto found = handles.find(handle);
  return found == handles.end() ? kNone : found->second;
}

PyObject* start_joinable(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (!here()) return reinterpret_cast<Keywords>(o_joinable)(self, args, kwargs);
  static const char* names[] = {"function", "handle", "daemon", nullptr};
  PyObject *function = nullptr, *handle = Py_None;
  int daemon = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|Op:start_joinable_thread", const_cast<char**>(names), &function, &handle, &daemon))
    return nullptr;
  if (!PyCallable_Check(function) || (handle != Py_None && !Py_IS_TYPE(handle, handle_type)))
    return reinterpret_cast<Keywords>(o_joinable)(self, args, kwargs);  // raises
  if (task_of(handle) != kNone) {
    PyErr_SetString(PyExc_RuntimeError, "thread already started");
    return nullptr;
  }
  handle = handle == Py_None ? PyObject_CallNoArgs(reinterpret_cast<PyObject*>(handle_type)) : Py_NewRef(handle);
  if (handle == nullptr) return nullptr;
  PyObject* none = PyTuple_New(0);
  const TaskId id = none ? start(function, none, nullptr, daemon != 0, handle) : kNone;
  Py_XDECREF(none);
  if (id == kNone) {
    Py_DECREF(handle);
    return nullptr;
  }
  return handle;
}

// Waits for the end of a task; its handle stays ours for as long as the execution runs.
PyObject* join(PyObject* handle, PyObject* args) {
  const TaskId id = here() ? task_of(handle) : kNone;
  if (G.forked && task_of(handle) != kNone && G.task(task_of(handle)).ended) Py_RETURN_NONE;
  if (id == kNone) return reinterpret_cast<Plain>(o_join)(handle, args);
  PyObject* timeout_object = Py_None;
  if (!PyArg_ParseTuple(args, "|O:join", &timeout_object)) return nullptr;
  Nanos timeout = kForever;
  if (timeout_object != Py_None && !timeout_of(timeout_object, timeout)) return nullptr;
  if (timeout < 0) timeout = kForever;
  if (id == G.current()) {
    PyErr_SetString(PyExc_RuntimeError, "Cannot join current thread");
    return nullptr;
  }
  const SiteId site = site_of_call(Op::kJoin);
  if (!G.task(id).ended && timeout > 0) {  // one pass of the site, as the lock of earlier Pythons has it
    const Nanos deadline = deadline_after(timeout);
    do {
      if (!go(G.engine.wait(Op::kJoin, site, key_of_task(id), deadline))) return nullptr;
    } while (!G.task(id).ended && !G.engine.timed_out());
  } else if (points_on() && !go(G.engine.point(Op::kJoin, site, key_of_task(id)))) {
    return nullptr;
  }
  if (G.task(id).ended) G.engine.observe(key_of_task(id));
  if (G.observer != nullptr) {
    PyObject* number = PyLong_FromLong(id);
    observe(Op::kJoin, site, handle, number);
    Py_XDECREF(number);
  }
  Py_RETURN_NONE;
}

PyObject* is_done(PyObject* handle, PyObject* args) {
  const TaskId id = task_of(handle);
  if (id == kNone) return reinterpret_cast<Plain>(o_is_done)(handle, args);
  if (here() && points_on()) {
    G.engine.tried(key_of_task(id));
    if (!point(Op::kRead, key_of_task(id))) return nullptr;
  }
  if (here() && G.task(id).ended) G.engine.observe(key_of_task(id));
  return PyBool_FromLong(G.task(id).ended);
}

PyObject* set_done(PyObject* handle, PyObject* args) {
  if (task_of(handle) == kNone) return reinterpret_cast<Plain>(o_set_done)(handle, args);
  Py_RETURN_NONE;
}

PyObject* handle_ident(PyObject* handle, void* closure) {
  const TaskId id = task_of(handle);
  return id == kNone ? o_handle_ident(handle, closure) : Py_NewRef(G.task(id).ident);
}

PyObject* nothing(PyObject*, PyObject*) { Py_RETURN_NONE; }
PyMethodDef nothing_definition = {"finished", nothing, METH_NOARGS, nullptr};

// A handle that outlives its execution becomes really done: a real thread that does nothing is started and joined
// on it, so that is_done() and join() stay right when the ground is gone.
void settle(PyObject* handle) {
  if (Py_REFCNT(handle) <= 1) return;
  PyObject* module = PyImport_ImportModule("_thread");
  PyObject* function = PyCFunction_New(&nothing_definition, nullptr);
  PyObject* args = function ? PyTuple_Pack(1, function) : nullptr;
  PyObject* kwargs = Py_BuildValue("{s:O,s:O}", "handle", handle, "daemon", Py_True);
  PyObject* started = args && kwargs ? reinterpret_cast<Keywords>(o_joinable)(module, args, kwargs) : nullptr;
  PyObject* none = PyTuple_New(0);
  if (started != nullptr && none != nullptr) Py_XDECREF(reinterpret_cast<Plain>(o_join)(handle, none));
  Py_XDECREF(started);
  Py_XDECREF(none);
  Py_XDECREF(args);
  Py_XDECREF(kwargs);
  Py_XDECREF(function);
  Py_XDECREF(module);
  PyErr_Clear();
}

#endif

}  // namespace

#if PY_VERSION_HEX < 0x030D0000

Key key_of_end(const Task& task) { return key_of(task.sentinel); }
void adopt_handle(TaskId) {}
void forget_handles() {}

bool install_forms(PyObject* module) {
  return swap_method(module, "_set_sentinel", METH_NOARGS, reinterpret_cast<void*>(set_sentinel), &o_set_sentinel);
}

#else

Key key_of_end(const Task& task) { return task.handle == nullptr ? kNoKey : key_of_task(G.current()); }

void adopt_handle(TaskId id) {
  if (G.task(id).handle != nullptr) handles[G.task(id).handle] = id;
}

void forget_handles() {
  handles.clear();
  for (std::size_t i = 0; i < G.task_count; ++i) {
    PyObject*& handle = G.tasks[i]->handle;
    if (handle == nullptr) continue;
    settle(handle);
    Py_CLEAR(handle);
  }
}

bool install_forms(PyObject* module) {
  PyObject* type = PyObject_GetAttrString(module, "_ThreadHandle");
  if (type == nullptr) return false;
  handle_type = reinterpret_cast<PyTypeObject*>(type);
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  return swap_method(module, "start_joinable_thread", METH_VARARGS | METH_KEYWORDS, f(start_joinable), &o_joinable) &&
         swap_method(type, "join", METH_VARARGS, f(join), &o_join) &&
         swap_method(type, "is_done", METH_NOARGS, f(is_done), &o_is_done) &&
         swap_method(type, "_set_done", METH_NOARGS, f(set_done), &o_set_done) &&
         swap_getter(type, "ident", handle_ident, &o_handle_ident);
}

#endif

// Before 3.13 the second task that joins a thread looks at a flag only, after one of the event that says it has started: there it
// sees what the thread did.
void publish_end(PyObject* thread) {
#if PY_VERSION_HEX < 0x030D0000
  static PyObject *started = PyUnicode_InternFromString("_started"), *flag = PyUnicode_InternFromString("_flag");
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* event = PyObject_GetAttr(thread, started);
  if (event != nullptr) G.engine.synchronise(key_of_attribute(event, flag), true);
  Py_XDECREF(event);
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
#else
  (void)thread;
#endif
}

bool refresh_internal_locks() {
  const auto key = [](const char* name) {
    PyObject* lock = PyObject_GetAttrString(threading_module, name);
    if (lock == nullptr) PyErr_Clear();
    const Key result = key_of(lock);
    Py_XDECREF(lock);
    return result;
  };
  G.limbo_lock = key("_active_limbo_lock");
  G.shutdown_lock = key("_shutdown_locks_lock");
  return true;
}

bool install_threads() {
  put_memory_behind_idents();
  threading_module = PyImport_ImportModule("threading");
  PyObject* type = threading_module ? PyObject_GetAttrString(threading_module, "Thread") : nullptr;
  PyObject* module = type ? PyImport_ImportModule("_thread") : nullptr;
  PyObject* arguments = module ? PyObject_GetAttrString(module, "_ExceptHookArgs") : nullptr;
  if (arguments == nullptr) return false;
  thread_type = reinterpret_cast<PyTypeObject*>(type);
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok =
      swap_method(module, "start_new_thread", METH_VARARGS, f(start_new_thread), &o_start_new_thread) &&
      swap_method(module, "start_new", METH_VARARGS, f(start_new), &o_start_new) &&
      swap_method(module, "get_ident", METH_NOARGS, f(get_ident), &o_get_ident) &&
      swap_method(module, "get_native_id", METH_NOARGS, f(get_native_id), &o_get_native_id) &&
      swap_new(reinterpret_cast<PyTypeObject*>(arguments), hook_arguments, &o_hook_arguments) &&
      install_forms(module);
  Py_DECREF(arguments);
  Py_DECREF(module);
  return ok && refresh_internal_locks();
}

}  // namespace unblink
