// _thread.lock and _thread.RLock.
//
// Real state is the truth: a lock is taken and released for real, so a thread that is not controlled can share
// it and no table can go stale. Only the waiting is ours. An RLock keeps its owner by OS thread, which all tasks
// share; so the owner's field is given the task's own identifier instead.
#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Keywords = PyObject* (*)(PyObject*, PyObject*, PyObject*);
using NoArgs = PyObject* (*)(PyObject*, PyObject*);

struct Originals {
  void *acquire, *acquire_lock, *release, *release_lock, *enter, *exit, *reinit, *locked, *locked_lock;
  void *allocate_lock, *allocate;
  void *r_acquire, *r_release, *r_enter, *r_exit, *r_restore, *r_save, *r_owned, *r_count, *r_reinit;
  newfunc lock_new, rlock_new;
};
Originals o;

PyObject* call(void* original, PyObject* self, PyObject* args, PyObject* kwargs) {
  return reinterpret_cast<Keywords>(original)(self, args, kwargs);
}
PyObject* call(void* original, PyObject* self, PyObject* args) {
  return reinterpret_cast<NoArgs>(original)(self, args);
}

compat::Lock* as_lock(PyObject* self) { return reinterpret_cast<compat::Lock*>(self); }
compat::RLock* as_rlock(PyObject* self) { return reinterpret_cast<compat::RLock*>(self); }

PyTypeObject* rlock_type = nullptr;
bool is_rlock(PyObject* self) { return PyObject_TypeCheck(self, rlock_type); }

// Locks of the library's own book-keeping: they guard nothing that a program can see. Logging takes its own when it first hears
// of a logger's level, asyncio when it makes its policy, and not again.
bool is_internal(Key key) { return key == G.limbo_lock || key == G.shutdown_lock || key == G.logging_lock || key == G.policy_lock; }

// A lock of a module is kept alive, so its address is never used again.
void look_after(Key& known, const char* module_name) {
  PyObject* module = known != kNoKey ? nullptr : PyDict_GetItemString(PyImport_GetModuleDict(), module_name);
  PyObject* lock = module == nullptr ? nullptr : PyObject_GetAttrString(module, "_lock");
  PyErr_Clear();
  if (lock != nullptr) known = key_of(lock);
}

bool take_for_real(PyObject* self) {
  if (is_rlock(self)) {
    compat::RLock* lock = as_rlock(self);
    if (PyThread_acquire_lock_timed(lock->lock, 0, 0) != PY_LOCK_ACQUIRED) return false;
    lock->owner = G.me().ident_number;
    lock->count = 1;
    return true;
  }
  compat::Lock* lock = as_lock(self);
  if (PyThread_acquire_lock_timed(lock->lock, 0, 0) != PY_LOCK_ACQUIRED) return false;
  lock->locked = 1;
  return true;
}

void drop_for_real(PyObject* self) {
  if (is_rlock(self)) {
    as_rlock(self)->owner = 0;
    as_rlock(self)->count = 0;
    PyThread_release_lock(as_rlock(self)->lock);
  } else {
    as_lock(self)->locked = 0;
    PyThread_release_lock(as_lock(self)->lock);
  }
}

void now_held(PyObject* self) {
  G.engine.acquired(key_of(self), !is_internal(key_of(self)));
  if (self == G.me().sentinel) G.engine.not_a_lock(key_of(self));  // its own end is no lock that it works under
  G.held.push_back(Py_NewRef(self));
}

// Answers whether another task had taken it.
bool now_free(PyObject* self) {
  for (std::size_t i = G.held.size(); i-- > 0;) {
    if (G.held[i] != self) continue;
    G.held[i] = G.held.back();
    G.held.pop_back();
    const bool foreign = G.engine.released(key_of(self), !is_internal(key_of(self)));
    Py_DECREF(self);
    return foreign;
  }
  return G.engine.released(key_of(self));
}

// The code of the caller, if that is the threading module, whose own handling of its locks is no operation of the program.
PyCodeObject* caller_in_threading() {
  static PyObject* file = [] {
    PyObject* module = PyImport_ImportModule("threading");
    PyObject* name = module ? PyObject_GetAttrString(module, "__file__") : nullptr;
    Py_XDECREF(module);
    PyErr_Clear();
    return name;
  }();
  PyFrameObject* frame = PyThreadState_GetFrame(G.thread_state);
  if (frame == nullptr || file == nullptr) return nullptr;
  PyCodeObject* code = PyFrame_GetCode(frame);
  const bool same = PyUnicode_Compare(code->co_filename, file) == 0;
  Py_DECREF(code);
  Py_DECREF(frame);
  return same ? code : nullptr;  // its function keeps it
}
bool is_called_by_threading() { return caller_in_threading() != nullptr; }

// Which threads there are is read and written under one lock of threading's own. Who reads it (`enumerate`, `active_count`) sees
// that others end; from then on what is done under that lock are operations.
bool come_to_limbo(Key key) {
  PyCodeObject* code = caller_in_threading();
  const auto is = [&](const char* name) { return PyUnicode_CompareWithASCIIString(code->co_name, name) == 0; };
  if (code != nullptr && (is("enumerate") || is("active_count"))) {
    G.engine.tried(key);
    const SiteId site = site_of_call(Op::kTryAcquire);
    return site == kImportSite || go(G.engine.point(Op::kTryAcquire, site, key));
  }
  return !G.engine.watches_releases() || !G.engine.releases(key, kEndSite) || go(G.engine.point(Op::kRelease, kEndSite, key));
}

// Whether it is the lock that a thread before 3.13 holds until it ends: a `join` with a timeout waits for it, and only
// `is_alive` tells what came of that, by an attempt of its own.
bool is_sentinel(PyObject* lock) {
  for (std::size_t i = 0; i < G.task_count; ++i)
    if (G.task(static_cast<TaskId>(i)).sentinel == lock) return true;
  return false;
}

}  // namespace

bool lock_is_held(PyObject* lock) { return is_rlock(lock) ? as_rlock(lock)->count > 0 : as_lock(lock)->locked != 0; }

bool timeout_of(PyObject* object, Nanos& timeout) {
  return compat::nanos_of(object, timeout);
}

// 1: taken, 0: not taken, -1: an exception is set.
//
// The point stands before the attempt. A lock that its maker has shown to nobody needs none. A lock that is held
// makes the task wait at once: a task that could only try in vain is no candidate for a choice.
int take_lock(PyObject* self, bool blocking, Nanos timeout, Op op) {
  Engine& engine = G.engine;
  const Key key = key_of(self);
  const bool quiet = !points_on() || is_internal(key) || key == G.me().quiet_lock;
  bool held = lock_is_held(self);
  const Nanos deadline = blocking ? deadline_after(timeout) : 0;
  if (key == G.limbo_lock && points_on() && !G.me().booting && !come_to_limbo(key)) return -1;
  const bool may_fail = !blocking || timeout != kForever;
  if (may_fail && !quiet && !(held && engine.owner(key) == engine.thread()) && !(blocking && is_sentinel(self))) engine.tried(key);
  if (!blocking || timeout == 0) {
    const bool mine = held && engine.owner(key) == engine.thread();  // cannot succeed, whoever runs in between
    if (!quiet && !mine) {
      const SiteId site = site_of_call(Op::kTryAcquire);
      const bool alone = site == kImportSite || (!held && engine.needs_no_point(key, site));
      if (!alone && !go(engine.point(Op::kTryAcquire, site, key))) return -1;
    }
    const bool taken = take_for_real(self);
    if (taken) now_held(self);
    if (!quiet && !mine && G.observer != nullptr) {
      const SiteId site = site_of_call(Op::kTryAcquire);
      if (site != kImportSite) observe(Op::kTryAcquire, site, self, taken ? Py_True : Py_False);
    }
    return taken ? 1 : 0;
  }
  const SiteId site = quiet ? kNoSite : site_of_call(op);
  if (!quiet && site != kImportSite && !(!held && engine.needs_no_point(key, site))) {
    if (!go(engine.point_acquire(site, key, held, deadline))) return -1;
    for (;;) {
      if (take_for_real(self)) {
        now_held(self);
        if (G.observer != nullptr) observe(op, site, self, Py_True);
        return 1;
      }
      if (engine.timed_out()) {
        if (G.observer != nullptr) observe(op, site, self, Py_False);
        return 0;
      }
      if (!go(engine.wait(op, site, key, deadline))) return -1;
    }
  }
  for (;;) {
    if (take_for_real(self)) {
      now_held(self);
      return 1;
    }
    if (!go(engine.wait(op, site_of_call(op), key, deadline))) return -1;
    if (engine.timed_out()) {
      if (!take_for_real(self)) return 0;
      now_held(self);
      return 1;
    }
  }
}

void look_after_internal_locks() {
  look_after(G.logging_lock, "logging");
  look_after(G.policy_lock, "asyncio.events");
}

void own_for_os_thread(unsigned long ident) {
  for (PyObject* lock : G.held)
    if (is_rlock(lock) && as_rlock(lock)->owner == ident) as_rlock(lock)->owner = PyThread_get_thread_ident();
}

// What a task that was cut short still holds goes back, so that the next execution finds what this one found.
void release_held_locks() {
  for (PyObject* lock : G.held) {
    if (lock_is_held(lock)) drop_for_real(lock);
    Py_DECREF(lock);
  }
  G.held.clear();
}

namespace {

void observe_failed_release(PyObject* self) {
  if (G.observer != nullptr && points_on() && !is_internal(key_of(self))) {
    const SiteId site = site_of_call(Op::kRelease);
    if (site != kImportSite) observe(Op::kRelease, site, self, Py_False);
  }
}

// Gives the lock back and wakes who waits. No point stands before a release that only waiting tasks can observe: that is
// ordered by the points before their own attempts. One that a failing attempt can observe is an operation of its own, and so
// is each release of a lock that somebody releases who has not taken it: whose release fails is a matter of order.
// `original` is what raises for a lock that is free by then.
bool drop_lock(PyObject* self, NoArgs original) {
  const Key key = key_of(self);
  bool quiet = !points_on() || is_internal(key) || G.me().quiet_lock == key;
  if (G.engine.watches_releases() && !quiet) {
    const SiteId site = site_of_call(Op::kRelease);
    if (site != kImportSite && G.engine.releases(key, site) && !go(G.engine.point(Op::kRelease, site, key))) return false;
  }
  if (!lock_is_held(self)) {
    observe_failed_release(self);
    return original(self, nullptr) != nullptr;
  }
  drop_for_real(self);
  if (now_free(self) && !quiet && !is_called_by_threading()) G.engine.tried(key);
  Task& task = G.me();
  if (task.quiet_lock == key) task.quiet_lock = kNoKey;
  if (G.observer != nullptr && !quiet) {
    const SiteId site = site_of_call(Op::kRelease);
    if (site != kImportSite) observe(Op::kRelease, site, self, Py_None);
  }
  if (task.booting && key == G.limbo_lock) return end_boot();
  return true;
}

// Reads (blocking=True, timeout=-1). 0: as asked; 1: leave it to the original, which raises; -1: exception.
int read_arguments(PyObject* args, PyObject* kwargs, bool& blocking, Nanos& timeout) {
  blocking = true;
  timeout = kForever;
  if (PyTuple_GET_SIZE(args) == 0 && kwargs == nullptr) return 0;
  static const char* names[] = {"blocking", "timeout", nullptr};
  int flag = 1;
  PyObject* object = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pO:acquire", const_cast<char**>(names), &flag, &object)) {
    PyErr_Clear();
    return 1;
  }
  blocking = flag != 0;
  if (object == nullptr) return 0;
  Nanos asked;
  if (!timeout_of(object, asked)) {
    PyErr_Clear();
    return 1;
  }
  if (asked == -1'000'000'000) return 0;  // the default, spelled out
  if (asked < 0 || !blocking || asked > static_cast<Nanos>(PY_TIMEOUT_MAX) * 1000) return 1;
  timeout = asked;
  return 0;
}

PyObject* as_bool(int taken) { return taken < 0 ? nullptr : PyBool_FromLong(taken); }

PyObject* acquire_with(void* original, PyObject* self, PyObject* args, PyObject* kwargs) {
  if (!here()) return call(original, self, args, kwargs);
  bool blocking;
  Nanos timeout;
  if (read_arguments(args, kwargs, blocking, timeout) != 0) return call(original, self, args, kwargs);
  return as_bool(take_lock(self, blocking, timeout, Op::kAcquire));
}

PyObject* acquire(PyObject* s, PyObject* a, PyObject* k) { return acquire_with(o.acquire, s, a, k); }
PyObject* acquire_lock(PyObject* s, PyObject* a, PyObject* k) { return acquire_with(o.acquire_lock, s, a, k); }
PyObject* enter(PyObject* s, PyObject* a, PyObject* k) { return acquire_with(o.enter, s, a, k); }

// A release that fails shows that the lock is free: that is an operation, as a failing attempt to take it.
PyObject* release_with(void* original, PyObject* self, PyObject* args) {
  if (!here()) return call(original, self, args);
  if (!lock_is_held(self) && points_on() && !is_internal(key_of(self))) G.engine.tried(key_of(self));
  return drop_lock(self, reinterpret_cast<NoArgs>(original)) ? Py_NewRef(Py_None) : nullptr;
}
PyObject* release(PyObject* s, PyObject* a) { return release_with(o.release, s, a); }
PyObject* release_lock(PyObject* s, PyObject* a) { return release_with(o.release_lock, s, a); }
PyObject* exit(PyObject* s, PyObject* a) { return release_with(o.exit, s, a); }

// Whether a lock is held shows what another task does, as a failing attempt to take it.
PyObject* locked_with(void* original, PyObject* self, PyObject* args) {
  if (here() && points_on() && !is_internal(key_of(self)) && !is_called_by_threading()) {
    const Key key = key_of(self);
    const bool mine = lock_is_held(self) && G.engine.owner(key) == G.engine.thread();
    const SiteId site = site_of_call(Op::kTryAcquire);
    if (!mine && site != kImportSite) {
      G.engine.tried(key);
      if (!G.engine.needs_no_point(key, site) && !go(G.engine.point(Op::kTryAcquire, site, key))) return nullptr;
    }
  }
  return call(original, self, args);
}
PyObject* locked(PyObject* s, PyObject* a) { return locked_with(o.locked, s, a); }
PyObject* locked_lock(PyObject* s, PyObject* a) { return locked_with(o.locked_lock, s, a); }

PyObject* reinit_with(void* original, PyObject* self, PyObject* args) {
  PyObject* result = call(original, self, args);
  if (here() && result != nullptr) now_free(self);
  return result;
}
PyObject* reinit(PyObject* s, PyObject* a) { return reinit_with(o.reinit, s, a); }
PyObject* r_reinit(PyObject* s, PyObject* a) { return reinit_with(o.r_reinit, s, a); }

PyObject* note_made(PyObject* lock) {
  if (lock != nullptr && here()) G.engine.created(key_of(lock));
  return lock;
}
PyObject* allocate_lock(PyObject* m, PyObject* a) { return note_made(call(o.allocate_lock, m, a)); }
PyObject* allocate(PyObject* m, PyObject* a) { return note_made(call(o.allocate, m, a)); }
PyObject* lock_new(PyTypeObject* t, PyObject* a, PyObject* k) { return note_made(o.lock_new(t, a, k)); }
PyObject* rlock_new(PyTypeObject* t, PyObject* a, PyObject* k) { return note_made(o.rlock_new(t, a, k)); }

// ---- RLock

bool owned(PyObject* self) {
  return as_rlock(self)->count > 0 && as_rlock(self)->owner == G.me().ident_number;
}

PyObject* r_acquire_with(void* original, PyObject* self, PyObject* args, PyObject* kwargs) {
  if (!here()) return call(original, self, args, kwargs);
  bool blocking;
  Nanos timeout;
  if (read_arguments(args, kwargs, blocking, timeout) != 0) return call(original, self, args, kwargs);
  if (owned(self)) {
    if (as_rlock(self)->count == ~0UL) {
      PyErr_SetString(PyExc_OverflowError, "Internal lock count overflowed");
      return nullptr;
    }
    ++as_rlock(self)->count;
    Py_RETURN_TRUE;
  }
  return as_bool(take_lock(self, blocking, timeout, Op::kAcquire));
}
PyObject* r_acquire(PyObject* s, PyObject* a, PyObject* k) { return r_acquire_with(o.r_acquire, s, a, k); }
PyObject* r_enter(PyObject* s, PyObject* a, PyObject* k) { return r_acquire_with(o.r_enter, s, a, k); }

PyObject* r_release_with(void* original, PyObject* self, PyObject* args) {
  if (!here()) return call(original, self, args);
  if (!owned(self)) {
    observe_failed_release(self);
    PyErr_SetString(PyExc_RuntimeError, "cannot release un-acquired lock");
    return nullptr;
  }
  if (as_rlock(self)->count > 1) {
    --as_rlock(self)->count;
    Py_RETURN_NONE;
  }
  return drop_lock(self, reinterpret_cast<NoArgs>(original)) ? Py_NewRef(Py_None) : nullptr;
}
PyObject* r_release(PyObject* s, PyObject* a) { return r_release_with(o.r_release, s, a); }
PyObject* r_exit(PyObject* s, PyObject* a) { return r_release_with(o.r_exit, s, a); }

PyObject* r_owned(PyObject* self, PyObject* args) {
  return here() ? PyBool_FromLong(owned(self)) : call(o.r_owned, self, args);
}

PyObject* r_count(PyObject* self, PyObject* args) {
  if (!here()) return call(o.r_count, self, args);
  return PyLong_FromUnsignedLong(owned(self) ? as_rlock(self)->count : 0UL);
}

PyObject* r_save(PyObject* self, PyObject* args) {
  if (!here()) return call(o.r_save, self, args);
  if (as_rlock(self)->count == 0) {
    PyErr_SetString(PyExc_RuntimeError, "cannot release un-acquired lock");
    return nullptr;
  }
  PyObject* state = Py_BuildValue("kk", as_rlock(self)->count, as_rlock(self)->owner);
  if (state == nullptr) return nullptr;
  if (!drop_lock(self, reinterpret_cast<NoArgs>(o.r_release))) Py_CLEAR(state);
  return state;
}

PyObject* r_restore(PyObject* self, PyObject* args) {
  if (!here()) return call(o.r_restore, self, args);
  unsigned long count, owner;
  if (!PyArg_ParseTuple(args, "(kk):_acquire_restore", &count, &owner)) return nullptr;
  if (take_lock(self, true, kForever, Op::kAcquire) < 0) return nullptr;
  as_rlock(self)->count = count;
  as_rlock(self)->owner = owner;
  Py_RETURN_NONE;
}

}  // namespace

bool install_locks() {
  PyObject* module = PyImport_ImportModule("_thread");
  PyObject* lock = module ? PyObject_GetAttrString(module, "LockType") : nullptr;
  PyObject* rlock = module ? PyObject_GetAttrString(module, "RLock") : nullptr;
  if (lock == nullptr || rlock == nullptr) return false;
  rlock_type = reinterpret_cast<PyTypeObject*>(rlock);
  constexpr int kKeywords = METH_VARARGS | METH_KEYWORDS;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok =
      swap_method(lock, "acquire", kKeywords, f(acquire), &o.acquire) &&
      swap_method(lock, "acquire_lock", kKeywords, f(acquire_lock), &o.acquire_lock) &&
      swap_method(lock, "__enter__", kKeywords, f(enter), &o.enter) &&
      swap_method(lock, "release", METH_NOARGS, f(release), &o.release) &&
      swap_method(lock, "release_lock", METH_NOARGS, f(release_lock), &o.release_lock) &&
      swap_method(lock, "__exit__", METH_VARARGS, f(exit), &o.exit) &&
      swap_method(lock, "locked", METH_NOARGS, f(locked), &o.locked) &&
      swap_method(lock, "locked_lock", METH_NOARGS, f(locked_lock), &o.locked_lock) &&
      swap_method(lock, "_at_fork_reinit", METH_NOARGS, f(reinit), &o.reinit) &&
      swap_method(module, "allocate_lock", METH_NOARGS, f(allocate_lock), &o.allocate_lock) &&
      swap_method(module, "allocate", METH_NOARGS, f(allocate), &o.allocate) &&
#if PY_VERSION_HEX >= 0x030D0000
      swap_new(reinterpret_cast<PyTypeObject*>(lock), lock_new, &o.lock_new) &&
#endif
      swap_new(rlock_type, rlock_new, &o.rlock_new) &&
      swap_method(rlock, "acquire", kKeywords, f(r_acquire), &o.r_acquire) &&
      swap_method(rlock, "__enter__", kKeywords, f(r_enter), &o.r_enter) &&
      swap_method(rlock, "release", METH_NOARGS, f(r_release), &o.r_release) &&
      swap_method(rlock, "__exit__", METH_VARARGS, f(r_exit), &o.r_exit) &&
      swap_method(rlock, "_is_owned", METH_NOARGS, f(r_owned), &o.r_owned) &&
      swap_method(rlock, "_recursion_count", METH_NOARGS, f(r_count), &o.r_count) &&
      swap_method(rlock, "_release_save", METH_NOARGS, f(r_save), &o.r_save) &&
      swap_method(rlock, "_acquire_restore", METH_VARARGS, f(r_restore), &o.r_restore) &&
      swap_method(rlock, "_at_fork_reinit", METH_NOARGS, f(r_reinit), &o.r_reinit);
  (void)lock_new;
  Py_DECREF(module);
  Py_DECREF(lock);
  return ok;  // rlock stays referenced by rlock_type
}

}  // namespace unblink
