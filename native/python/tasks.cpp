// The tasks of an execution on their greenlets: starting, switching and ending share one invariant (which greenlet runs, whose
// fields the thread state holds). What runs them until all have ended is in execution.cpp.
//
// A greenlet outlives the task that ran on it: a fresh one costs ten microseconds, because CPython maps a new
// chunk of data stack for it, while handing a function to an idle one costs half of one.
#include "compat.hpp"
#include <greenlet.h>
#include <unistd.h>

#include "execution.hpp"
#include "ground.hpp"
#include "tasks.hpp"
#include "threads.hpp"
#include "watch.hpp"

namespace unblink {

Ground G;

bool import_greenlet() {
  PyGreenlet_Import();
  return _PyGreenlet_API != nullptr;
}

// Of a lodger there is nothing but its name: see Engine::lodge.
void Ground::make_room_for(TaskId id, TaskKind kind) {
  while (tasks.size() <= static_cast<std::size_t>(id)) tasks.push_back(std::make_unique<Task>());
  task_count = static_cast<std::size_t>(id) + 1;
  Task& made = task(id);
  made.greenlet = nullptr;
  made.kind = kind;
  made.ended = true;
  made.probe = nullptr;
}

void drop_operands(Task& task) {
  while (!task.operands.empty()) {
    const PendingOperand operand = task.operands.back();
    task.operands.pop_back();
    Py_DECREF(operand.object);
    Py_XDECREF(operand.key);
  }
}

namespace {

constexpr std::uint64_t kFirstStateId = 1ULL << 40;
constexpr int kMostExits = 100;  // a task that swallows more of them than this is left where it is

PyObject* aborted_type = nullptr;

PyGreenlet* take_greenlet();

void switch_to(PyGreenlet* greenlet) {
  ++G.switches;
  PyObject* result = PyGreenlet_Switch(greenlet, nullptr, nullptr);
  compat::go_on_tracing(G.thread_state);
  Py_XDECREF(result);
}

// The program may have greenlets of its own (SQLAlchemy's asyncio has): a task goes on in the one in which it stopped.
PyGreenlet* place_of(const Task& task) { return task.place != nullptr ? task.place : task.greenlet; }

void leave(Task& task) {
  task.fields.save(G.thread_state);
  PyGreenlet* place = PyGreenlet_GetCurrent();
  if (place == task.greenlet) Py_CLEAR(place);
  Py_XSETREF(task.place, place);
}

// The hub shows itself as main: it is the same thread as far as Python is concerned.
void switch_to_hub() {
  G.task(0).fields.load(G.thread_state);
  switch_to(G.hub);
}

// Tells the current task to end. A task that catches even this again and again is left for good.
bool tell_to_exit() {
  Task& task = G.me();
  if (PyErr_Occurred()) return false;
  if (++task.exits > kMostExits) {
    task.abandoned = true;
    ++G.abandoned;
    task.fields.save(G.thread_state);
    for (;;) switch_to_hub();  // never resumed
  }
  PyErr_SetNone(G.current() == 0 ? aborted_type : PyExc_SystemExit);
  return false;
}

// Where a task finds itself after a switch.
bool go_on() {
  if (G.unwinding) return tell_to_exit();
  if (!G.signals_for_main.empty() && G.current() == 0 && !deliver_signals()) return false;
  return !PyErr_Occurred();
}

// The same where there was no switch.
bool stay() { return G.signals_for_main.empty() || G.current() != 0 || deliver_signals(); }

}  // namespace

// What has no stack only comes: then who goes on is decided again.
TaskId with_a_stack(TaskId next) {
  while (next != kNone && G.engine.task(next).offered) {
    G.engine.grant(next);
    if (G.observer != nullptr) observe(G.engine.pending(next).op, G.engine.pending(next).site, Py_None, Py_None);
    next = G.engine.next();
  }
  return next;
}

bool go(TaskId next) {
  if (G.unwinding) return tell_to_exit();
  if (!G.invariants.empty() && !invariants_hold()) return false;
  const TaskId actor = G.engine.current();
  if (next == actor && !G.interrupted && !G.engine.task(next).offered) return stay();
  Task& me = G.me();
  next = with_a_stack(next);
  if (next != kNone && !G.interrupted) {
    G.engine.set_current(next);
    if (&G.me() == &me) return stay();
  }
  leave(me);
  if (next == kNone || G.interrupted) {
    G.engine.set_current(actor);
    switch_to_hub();
  } else {
    G.me().fields.load(G.thread_state);
    switch_to(place_of(G.me()));
  }
  return go_on();
}

bool point(Op op, Key key) { return go(G.engine.point(op, site_of_call(op), key)); }

// The first violation is raised in the task whose step brought it about; it counts once.
bool invariants_hold() {
  if (G.quiet > 0) return true;
  Inactive inactive;
  for (std::size_t i = 0; i < G.invariants.size(); ++i) {
    PyObject* result = PyObject_CallNoArgs(G.invariants[i]);
    if (result == nullptr) {
      Py_DECREF(G.invariants[i]);
      G.invariants.erase(G.invariants.begin() + static_cast<std::ptrdiff_t>(i));
      return false;
    }
    Py_DECREF(result);
  }
  return true;
}

bool rest() {
  G.engine.tire();
  return point(Op::kYield, kNoKey);
}

void observe(Op op, SiteId site, PyObject* object, PyObject* detail) {
  if (G.observer == nullptr || G.unwinding) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  {
    Inactive inactive;
    PyObject* result = PyObject_CallFunction(G.observer, "iiIOOL", static_cast<int>(op), G.engine.current(), site,
                                             object ? object : Py_None, detail ? detail : Py_None,
                                             static_cast<long long>(G.engine.now()));
    if (result == nullptr) PyErr_WriteUnraisable(G.observer);
    Py_XDECREF(result);
  }
  PyErr_Restore(type, value, traceback);
}

// ---------------------------------------------------------------- starting

TaskId start_task(PyObject* function, PyObject* arguments, PyObject* keywords, bool daemon) {
  PyGreenlet* greenlet = take_greenlet();
  if (greenlet == nullptr) return kNone;
  const TaskId id = G.engine.spawn(G.engine.current());
  G.make_room_for(id, TaskKind::kThread);
  Task& task = G.task(id);
  task.greenlet = greenlet;
  task.fields = {};
  task.fields.id = kFirstStateId + static_cast<std::uint64_t>(id);
  task.function = Py_NewRef(function);
  task.arguments = Py_NewRef(arguments);
  task.keywords = Py_XNewRef(keywords);
  if (id == 0) {
    task.ident_number = PyThread_get_thread_ident();
    Py_XSETREF(task.ident, PyLong_FromUnsignedLong(task.ident_number));
  } else {
    const unsigned long number = ident_of(id);
    if (task.ident_number != number) {
      task.ident_number = number;
      Py_XSETREF(task.ident, PyLong_FromUnsignedLong(number));
    }
    G.multi = true;
    G.refresh_live();
  }
  task.starter = kNone;
  task.booting = task.ended = task.abandoned = false;
  task.daemon = daemon;
  task.exits = 0;
  task.probe = nullptr;
  task.quiet_lock = kNoKey;
  task.created_at = kNoSite;
  drop_operands(task);
  if (id != 0 && !daemon) ++G.alive_workers;
  return id;
}

bool boot(TaskId child) {
  Task& task = G.task(child);
  task.booting = true;
  task.starter = G.engine.current();
  ++G.quiet;
  G.refresh_live();
  leave(G.me());
  G.engine.set_current(child);
  task.fields.load(G.thread_state);
  switch_to(task.greenlet);
  return go_on();
}

// In the child: it has come to just before its run(), and is a ready task like any other from here on.
bool end_boot() {
  Task& task = G.me();
  task.booting = false;
  --G.quiet;
  G.refresh_live();
  leave(task);
  G.engine.set_current(task.starter);
  G.me().fields.load(G.thread_state);
  switch_to(place_of(G.me()));
  return go_on();
}

// ---------------------------------------------------------------- running and ending

namespace {

void report_bare(Task& task) {
  if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
    PyErr_Clear();
    return;
  }
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  G.unhandled.push_back({G.current(), Py_XNewRef(type), Py_XNewRef(value), Py_XNewRef(traceback), nullptr});
  PyErr_Restore(type, value, traceback);
  compat::unraisable_in_thread(task.function);
}

void run_worker(Task& task) {
  PyObject* result = PyObject_Call(task.function, task.arguments, task.keywords);
  if (result == nullptr) report_bare(task);
  Py_XDECREF(result);
}

// Where somebody has asked whether a thread is alive, its end is an operation.
void come_to_end(Task& task) {
  const Key key = key_of_end(task);
  if (key == kNoKey || !points_on() || !G.engine.watches_releases() || !G.engine.releases(key, kEndSite)) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  go(G.engine.point(Op::kRelease, kEndSite, key));
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

void end_sentinel(Task& task) {
  if (task.sentinel == nullptr) return;
  PyObject* lock = task.sentinel;
  task.sentinel = nullptr;
  if (lock_is_held(lock)) {
    Inactive inactive;
    Py_XDECREF(PyObject_CallMethod(lock, "release", nullptr));
    PyErr_Clear();
  }
  for (std::size_t i = G.held.size(); i-- > 0;) {
    if (G.held[i] != lock) continue;
    Py_DECREF(lock);
    G.held[i] = G.held.back();
    G.held.pop_back();
    break;
  }
  G.engine.publish(key_of(lock));
  G.engine.released(key_of(lock));
  Py_DECREF(lock);
}

// What the end of a thread does, in CPython's order: its own data go, then whoever joins it is let go on.
void end_task(Task& task) {
  drop_operands(task);
  Py_CLEAR(task.function);
  Py_CLEAR(task.arguments);
  Py_CLEAR(task.keywords);
  if (G.current() == 0) {
    task.ended = true;
    return;
  }
  if (G.observer != nullptr && points_on()) observe(Op::kEnd, kEndSite, Py_None, Py_None);
  if (task.thread != nullptr) publish_end(task.thread);
  Py_CLEAR(task.thread);
  compat::end_thread(G.thread_state);
  task.ended = true;
  const Key key = key_of_task(G.current());
  G.engine.publish(key);
  G.engine.signal(key);
  end_sentinel(task);
  if (!task.daemon && --G.alive_workers == 0) G.engine.signal(kQuiescence);
}

PyObject* pool_main(PyObject*, PyObject*) {
  for (;;) {
    compat::go_on_tracing(G.thread_state);
    Task& task = G.me();
    PyGreenlet* self = task.greenlet;
    const TaskId id = G.current();
    if (id == 0)
      run_main(task);
    else
      run_worker(task);
    if (G.forked && id != 0) _exit(0);  // the last thread of a forked child has ended
    if (id != 0) come_to_end(task);
    end_task(task);
    PyErr_Clear();
    G.idle.push_back(self);
    task.greenlet = nullptr;
    Py_CLEAR(task.place);
    task.fields.save(G.thread_state);
    PyGreenlet* to = G.hub;
    if (task.booting && !G.unwinding) {  // it ended before its run(): back to whoever started it
      task.booting = false;
      --G.quiet;
      G.refresh_live();
      G.engine.finish();
      G.engine.set_current(task.starter);
      G.me().fields.load(G.thread_state);
      to = place_of(G.me());
    } else if (id == 0 || G.unwinding || G.interrupted) {
      if (id == 0 && !G.unwinding) G.task(0).fields.save(G.thread_state);
      if (!G.unwinding && id != 0) G.engine.finish();
      G.task(0).fields.load(G.thread_state);
    } else {
      const TaskId next = with_a_stack(G.engine.finish());
      if (next == kNone) {
        G.task(0).fields.load(G.thread_state);
      } else {
        G.engine.set_current(next);
        G.me().fields.load(G.thread_state);
        to = place_of(G.me());
      }
    }
    ++G.switches;
    PyObject* resumed = PyGreenlet_Switch(to, nullptr, nullptr);
    if (resumed == nullptr) return nullptr;  // the greenlet itself is being ended
    Py_DECREF(resumed);
  }
}

PyMethodDef pool_definition = {"task", pool_main, METH_NOARGS, nullptr};

PyGreenlet* take_greenlet() {
  if (!G.idle.empty()) {
    PyGreenlet* greenlet = G.idle.back();
    G.idle.pop_back();
    return greenlet;
  }
  static PyObject* function = PyCFunction_New(&pool_definition, nullptr);
  return PyGreenlet_New(function, G.hub);
}

}  // namespace

PyObject* frame_of(const Task& task) {
  if (task.greenlet == nullptr) return Py_NewRef(Py_None);
  PyObject* frame = PyObject_GetAttrString(reinterpret_cast<PyObject*>(place_of(task)), "gr_frame");
  if (frame == nullptr) {
    PyErr_Clear();
    return Py_NewRef(Py_None);
  }
  return frame;
}

void deactivate_after_fork() {
  forget_watch();
  G.active = false;
  G.refresh_live();
}

void set_aborted_type(PyObject* type) { aborted_type = type; }

bool enter_hub() {
  G.hub = PyGreenlet_GetCurrent();
  return G.hub != nullptr;
}

void resume(Task& task) { switch_to(place_of(task)); }

void drop_unbegun(Task& task) {
  G.idle.push_back(task.greenlet);
  task.greenlet = nullptr;
  Py_CLEAR(task.function);
  Py_CLEAR(task.arguments);
  Py_CLEAR(task.keywords);
  task.ended = true;
}

}  // namespace unblink
