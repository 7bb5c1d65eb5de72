// Event loops of asyncio; what is chosen, and why, is in native/core/engine_loops.cpp.
//
// An asyncio task gets its lodger in the engine when it is made, so that schedules can name it by who made it; a task of a
// class that does not tell us gets one with its first step. Steps are recognised where they are run: by Context.run().
#include "loops.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <map>
#include <memory>
#include <unordered_map>

#include "sites.hpp"
#include "swap.hpp"

namespace unblink {

struct EventLoop {
  PyObject* loop = nullptr;      // owned
  PyObject* selector = nullptr;  // its C object, borrowed
  TaskId thread = kNone;
  int self_pipe = -1;
  Key key = kNoKey;
  std::vector<TaskId> late;  // lodgers that were put off and stand in its queue
};

namespace {

using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

constexpr std::size_t kMostLodgers = 1000;   // of an execution; more have no name of their own
constexpr std::size_t kMostAlarms = 64;
constexpr Nanos kFarAway = 61'000'000'000LL;  // no stall is longer

struct Arrival {
  TaskId task;
  SiteId site;
  ino_t file;
};
struct Lodger {
  TaskId id;
  bool stepped = false;
  bool late = false;
  bool is_root = false;  // nobody but an interrupt cancels what a loop is run for
};

void* o_run = nullptr;
destructor o_finalize_task = nullptr, o_finalize_future = nullptr, o_finalize_coroutine = nullptr;
initproc o_init = nullptr;
PyObject* get_running_loop = nullptr;
PyTypeObject* task_type = nullptr;
PyTypeObject* step_type = nullptr;
PyMethodDef* wakeup = nullptr;
std::vector<std::unique_ptr<EventLoop>> loops;
std::map<std::pair<PyObject*, int>, Arrival> arrivals;
std::unordered_map<PyObject*, Lodger> lodgers;

struct Names {
  PyObject *scheduled, *when, *cancelled, *ready, *ssock, *fileno, *selector, *self, *coro, *call_soon, *context, *eager_start, *must_cancel, *is_cancelled, *cancel, *log_traceback, *loop, *exception_handler, *exception;
} names;

bool make_names() {
  const auto intern = [](const char* text) { return PyUnicode_InternFromString(text); };
  names = {intern("_scheduled"), intern("_when"), intern("_cancelled"), intern("_ready"), intern("_ssock"), intern("fileno"),
           intern("_selector"), intern("__self__"), intern("get_coro"), intern("call_soon"), intern("context"), intern("eager_start"), intern("_must_cancel"), intern("cancelled"), intern("cancel"), intern("_log_traceback"), intern("_loop"), intern("_exception_handler"), intern("_exception")};
  return names.exception != nullptr;
}

TaskId carried(TaskKind kind, TaskId parent, TaskId carrier, SiteId made_at) {
  const TaskId id = G.engine.lodge(parent, carrier);
  G.make_room_for(id, kind);
  G.task(id).created_at = made_at;
  return id;
}

// ---------------------------------------------------------------- loops

PyObject* running_loop() {
  PyObject* loop = get_running_loop == nullptr ? nullptr : PyObject_CallNoArgs(get_running_loop);
  if (loop == nullptr) PyErr_Clear();
  if (loop == Py_None) Py_CLEAR(loop);
  return loop;
}

int self_pipe_of(PyObject* loop) {
  PyObject* socket = PyObject_GetAttr(loop, names.ssock);
  PyObject* number = socket != nullptr && socket != Py_None ? PyObject_CallMethodNoArgs(socket, names.fileno) : nullptr;
  const long descriptor = number != nullptr ? PyLong_AsLong(number) : -1;
  PyErr_Clear();
  Py_XDECREF(number);
  Py_XDECREF(socket);
  return static_cast<int>(descriptor);
}

// Its selector is a Python object around the C one.
bool selects_by(PyObject* loop, PyObject* selector) {
  PyObject* outer = PyObject_GetAttr(loop, names.selector);
  PyObject* inner = outer != nullptr ? PyObject_GetAttr(outer, names.selector) : nullptr;
  PyErr_Clear();
  const bool found = inner == selector;
  Py_XDECREF(inner);
  Py_XDECREF(outer);
  return found;
}

EventLoop* known_loop(PyObject* loop) {
  for (const auto& known : loops)
    if (known->loop == loop) return known.get();
  return nullptr;
}

Py_ssize_t length_of(PyObject* loop, PyObject* name) {
  PyObject* container = PyObject_GetAttr(loop, name);
  const Py_ssize_t length = container != nullptr ? PyObject_Length(container) : 0;
  Py_XDECREF(container);
  if (PyErr_Occurred()) PyErr_Clear();
  return std::max<Py_ssize_t>(length, 0);
}

// When its timers are due. The list is a heap, of which only the part is looked at that can matter.
void read_alarms(EventLoop& loop) {
  std::vector<Nanos>& alarms = G.engine.alarms();
  alarms.clear();
  PyObject* heap = PyObject_GetAttr(loop.loop, names.scheduled);
  std::vector<Py_ssize_t> open;
  if (heap != nullptr && PyList_CheckExact(heap)) open.push_back(0);
  while (!open.empty() && alarms.size() < kMostAlarms) {
    const Py_ssize_t at = open.back();
    open.pop_back();
    if (at >= PyList_GET_SIZE(heap)) continue;
    PyObject* timer = PyList_GET_ITEM(heap, at);
    PyObject* when = PyObject_GetAttr(timer, names.when);
    PyObject* cancelled = when != nullptr ? PyObject_GetAttr(timer, names.cancelled) : nullptr;
    const double seconds = when != nullptr ? PyFloat_AsDouble(when) : 0;
    const Nanos due = seconds > 1e9 ? kForever : static_cast<Nanos>(seconds * 1e9) - kBoot + G.epoch;
    if (cancelled == Py_False && !PyErr_Occurred() && due < G.engine.now() + kFarAway) {
      alarms.push_back(due);
      open.push_back(2 * at + 1);
      open.push_back(2 * at + 2);
    } else if (cancelled == Py_True) {
      open.push_back(2 * at + 1);
      open.push_back(2 * at + 2);
    }
    Py_XDECREF(cancelled);
    Py_XDECREF(when);
    PyErr_Clear();
  }
  PyErr_Clear();
  Py_XDECREF(heap);
  std::sort(alarms.begin(), alarms.end());
}

// ---------------------------------------------------------------- arrivals

ino_t file_of(int descriptor) {
  struct stat status;
  return ::fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

Arrival& arrival_of(EventLoop& loop, int descriptor, SiteId site) {
  const auto found = arrivals.find({loop.selector, descriptor});
  if (found != arrivals.end()) return found->second;
  return arrivals[{loop.selector, descriptor}] = {carried(TaskKind::kArrival, loop.thread, loop.thread, site), site, file_of(descriptor)};
}

int descriptor_of(PyObject* event) {
  return PyTuple_CheckExact(event) && PyTuple_GET_SIZE(event) == 2 ? static_cast<int>(PyLong_AsLong(PyTuple_GET_ITEM(event, 0))) : -1;
}

// Offers what has come; whether something of it cannot be late: a wake-up by one of our own threads, whose lateness is the
// thread's.
bool offer_events(EventLoop& loop, PyObject* events, SiteId site) {
  bool urgent = false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(events); ++i) {
    const int descriptor = descriptor_of(PyList_GET_ITEM(events, i));
    if (descriptor < 0 || descriptor == loop.self_pipe) {
      urgent = true;
      continue;
    }
    const Arrival& arrival = arrival_of(loop, descriptor, site);
    G.engine.offer(arrival.task, loop.thread, Op::kArrive, arrival.site, loop.key);
  }
  return urgent;
}

bool is_granted(TaskId id) { return G.engine.task(id).granted; }

bool any_granted(EventLoop& loop, PyObject* events) {
  for (const TaskId id : loop.late)
    if (is_granted(id)) return true;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(events); ++i) {
    const auto found = arrivals.find({loop.selector, descriptor_of(PyList_GET_ITEM(events, i))});
    if (found != arrivals.end() && is_granted(found->second.task)) return true;
  }
  return false;
}

// What the loop gets of `events`.
PyObject* granted_of(EventLoop& loop, PyObject* events) {
  PyObject* kept = PyList_New(0);
  for (Py_ssize_t i = 0; kept != nullptr && i < PyList_GET_SIZE(events); ++i) {
    PyObject* event = PyList_GET_ITEM(events, i);
    const int descriptor = descriptor_of(event);
    const auto found = arrivals.find({loop.selector, descriptor});
    const bool urgent = descriptor < 0 || descriptor == loop.self_pipe || found == arrivals.end();
    if ((urgent || G.engine.take_grant(found->second.task)) && PyList_Append(kept, event) < 0) Py_CLEAR(kept);
  }
  return kept;
}

void offer_late(EventLoop& loop) {
  for (const TaskId id : loop.late) G.engine.offer(id, loop.thread, Op::kResume, G.engine.task(id).pending.site, loop.key);
}

}  // namespace

EventLoop* loop_of_selector(PyObject* selector) {
  PyObject* running = running_loop();
  if (running == nullptr) return nullptr;
  EventLoop* known = known_loop(running);
  if (known == nullptr && PyObject_HasAttr(running, names.scheduled) && selects_by(running, selector)) {
    loops.push_back(std::make_unique<EventLoop>());
    known = loops.back().get();
    known->loop = Py_NewRef(running);
    known->selector = selector;
    known->thread = G.current();
    known->self_pipe = self_pipe_of(running);
    known->key = kTaskKeys | kUntold | key_of(running);
    G.multi = true;
    G.refresh_live();
  }
  Py_DECREF(running);
  return known != nullptr && known->selector == selector ? known : nullptr;
}

void note_watched(PyObject* selector, int descriptor) {
  if (descriptor < 0 || get_running_loop == nullptr || !points_on()) return;
  const ino_t file = file_of(descriptor);
  const auto found = arrivals.find({selector, descriptor});
  if (found != arrivals.end() && found->second.file == file) return;
  const SiteId site = site_of_call(Op::kArrive);
  if (site == kImportSite) return;
  arrivals[{selector, descriptor}] = {carried(TaskKind::kArrival, G.engine.current(), G.current(), site), site, file};
}

PyObject* select_in_loop(EventLoop& loop, const Look& look, Nanos timeout) {
  const SiteId site = site_of_call(Op::kSelect);
  Engine& engine = G.engine;
  loop.thread = G.current();
  G.used_descriptors = true;
  engine.synchronise(kWire, true);
  read_alarms(loop);
  const Nanos first = engine.alarms().empty() ? kForever : engine.alarms().front();
  const Nanos deadline = timeout == 0 || (timeout != kForever && first != kForever) ? first : deadline_after(timeout);
  PyObject* events = nullptr;
  bool asked = false, ok = true;
  for (;;) {
    Py_XSETREF(events, look());
    if (events == nullptr || !PyList_Check(events)) break;
    const bool urgent = offer_events(loop, events, site);
    offer_late(loop);
    const bool waits = timeout != 0 || (!loop.late.empty() && length_of(loop.loop, names.ready) == static_cast<Py_ssize_t>(loop.late.size()));
    if (urgent || !waits || deadline <= engine.now() || any_granted(loop, events)) {
      if (asked) break;
      asked = true;
      ok = go(engine.point_select(site, loop.key));
      if (!ok) break;
      continue;
    }
    asked = true;
    Task& task = G.me();
    task.probe = [&loop, look, site]() -> int {
      PyObject* seen = look();
      if (seen == nullptr) return -1;
      if (!PyList_Check(seen)) {
        Py_DECREF(seen);
        return 1;
      }
      const int before = G.engine.offers();
      const bool now = offer_events(loop, seen, site);
      Py_DECREF(seen);
      return now ? 1 : G.engine.offers() > before ? kOthersCanGoOn : 0;
    };
    ok = go(engine.wait_select(site, loop.key, deadline));
    G.me().probe = nullptr;
    if (!ok) break;
    engine.synchronise(kWire, false);
  }
  if (!G.unwinding) {
    if (ok && events != nullptr && PyList_Check(events)) Py_XSETREF(events, granted_of(loop, events));
    engine.end_select();
  }
  if (!ok) Py_CLEAR(events);
  return events;
}

// ---------------------------------------------------------------- asyncio tasks

namespace {

Lodger* lodger_of(PyObject* task, SiteId made_at) {
  if (lodgers.size() >= kMostLodgers) return nullptr;
  const TaskId id = carried(TaskKind::kAsyncio, G.engine.current(), G.current(), made_at);
  G.multi = true;
  G.refresh_live();
  PyObject* running = running_loop();
  const bool is_root = running == nullptr;
  Py_XDECREF(running);
  return &(lodgers[task] = {id, false, false, is_root});
}

void tell_of_start(PyObject* task, const Lodger& lodger) {
  if (G.observer == nullptr || !points_on()) return;
  PyObject* number = PyLong_FromLong(lodger.id);
  observe(Op::kStart, G.task(lodger.id).created_at, task, number);
  Py_XDECREF(number);
}

// Made, or not: an exception is set.
int told(int made, PyObject* task, const Lodger* lodger) {
  if (made == 0 && lodger != nullptr) tell_of_start(task, *lodger);
  return made;
}

int task_init(PyObject* self, PyObject* args, PyObject* keywords) {
  if (!here() || G.unwinding) return o_init(self, args, keywords);
  lodgers.erase(self);  // whoever had this address before
  Lodger* lodger = lodger_of(self, site_of_call(Op::kStart));
  PyObject* eager = keywords != nullptr ? PyDict_GetItemWithError(keywords, names.eager_start) : nullptr;
  if (lodger == nullptr || eager == nullptr || PyObject_IsTrue(eager) != 1) return told(o_init(self, args, keywords), self, lodger);
  const TaskId id = lodger->id, maker = G.engine.current();
  lodger->stepped = !lodger->is_root;  // its first step is done in here, if the loop runs
  G.engine.enter_lodger(id);
  const int result = o_init(self, args, keywords);
  if (G.engine.current() == id) {
    G.engine.leave_lodger();
    if (maker != G.current()) G.engine.enter_lodger(maker);
  }
  return told(result, self, lodger);
}

struct Step {
  PyObject* task = nullptr;  // borrowed
  bool plain = false;        // after a bare yield, or its first
};

bool is_wakeup(PyMethodDef* definition) {
  if (wakeup != nullptr || std::strcmp(definition->ml_name, "task_wakeup") != 0) return false;
  wakeup = definition;
  return true;
}

// _asyncio.TaskStepMethWrapper
struct StepWrapper {
  PyObject_HEAD
  PyObject* task;
  PyObject* argument;
};

Step step_of(PyObject* callback) {
  PyTypeObject* type = Py_TYPE(callback);
  if (type == step_type) {
    auto* wrapper = reinterpret_cast<StepWrapper*>(callback);
    return {wrapper->task, wrapper->argument == nullptr};
  }
  if (PyCFunction_Check(callback)) {
    auto* function = reinterpret_cast<PyCFunctionObject*>(callback);
    if (function->m_self != nullptr && PyObject_TypeCheck(function->m_self, task_type) &&
        (function->m_ml == wakeup || is_wakeup(function->m_ml)))
      return {function->m_self, false};
    return {};
  }
  if (step_type == nullptr && std::strcmp(type->tp_name, "_asyncio.TaskStepMethWrapper") == 0) {
    PyObject* task = PyObject_GetAttr(callback, names.self);
    PyErr_Clear();
    const bool known = task != nullptr && task == reinterpret_cast<StepWrapper*>(callback)->task;
    Py_XDECREF(task);
    if (known) {
      step_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(reinterpret_cast<PyObject*>(type)));
      return step_of(callback);
    }
  }
  return {};
}

// Where the task awaits something; kNoSite if it has ended.
SiteId site_of_await(Op op, PyObject* task) {
  PyObject* coroutine = PyObject_CallMethodNoArgs(task, names.coro);
  const SiteId site = coroutine != nullptr ? site_of_coroutine(op, coroutine) : kNoSite;
  Py_XDECREF(coroutine);
  PyErr_Clear();
  return site;
}

void tell_of_await(Op op, PyObject* task) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const SiteId site = site_of_await(op, task);
  PyErr_Restore(type, value, traceback);
  if (site != kNoSite) observe(op, site, Py_None, Py_None);
}

bool is_true(PyObject* answer) {
  const bool found = answer != nullptr && PyObject_IsTrue(answer) == 1;
  Py_XDECREF(answer);
  PyErr_Clear();
  return found;
}

// Whether the step about to be done raises CancelledError where the task stands. `future` is what woke it, if anything did.
bool is_cancelled(PyObject* task, PyObject* future) {
  return is_true(PyObject_GetAttr(task, names.must_cancel)) || (future != nullptr && is_true(PyObject_CallMethodNoArgs(future, names.is_cancelled)));
}

// Whether the loop could do anything else if this one were late.
bool others_could_come(EventLoop& loop) {
  if (!loop.late.empty() || length_of(loop.loop, names.ready) > 0 || length_of(loop.loop, names.scheduled) > 0) return true;
  return G.engine.alive() > 1 || arrivals.lower_bound({loop.selector, -1}) != arrivals.upper_bound({loop.selector, INT_MAX});
}

// A task that goes on after a sleep(0) may be late; 1: it is and stands in the queue again, 0: it goes on, -1: an exception is set.
int comes_late(Lodger& lodger, PyObject* task, PyObject* context, PyObject* callback) {
  PyObject* running = running_loop();
  EventLoop* loop = running != nullptr ? known_loop(running) : nullptr;
  Py_XDECREF(running);
  if (loop == nullptr) return 0;
  const TaskId id = lodger.id;
  const bool told_to_end = is_cancelled(task, nullptr);  // what waits for I/O is woken at once by that
  if (lodger.late) {
    lodger.late = !G.engine.take_grant(id) && !told_to_end;
    if (!lodger.late) std::erase(loop->late, id);
  } else {
    if (told_to_end || !others_could_come(*loop)) return 0;
    const SiteId site = site_of_await(Op::kResume, task);
    if (site == kNoSite) return 0;
    const bool ok = go(G.engine.point_of_lodger(id, site, loop->key));
    if (!ok && G.unwinding) return -1;
    const bool chosen = G.engine.current() == id;
    G.engine.settle_lodger(id);
    if (chosen) G.engine.leave_lodger();
    if (!ok) return -1;
    lodger.late = !chosen;
    if (lodger.late) loop->late.push_back(id);
  }
  if (!lodger.late) return 0;
  PyObject* arguments[] = {loop->loop, callback, context};
  static PyObject* keyword = PyTuple_Pack(1, names.context);
  PyObject* handle = PyObject_VectorcallMethod(names.call_soon, arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, keyword);
  if (handle == nullptr) return -1;
  Py_DECREF(handle);
  return 1;
}

// Somebody cancels the task where it stands.
void cancel_here(PyObject* task, const Lodger& lodger, Op op) {
  if (lodger.is_root || !points_on()) return;
  const SiteId site = site_of_await(op, task);
  if (site == kNoSite || !G.engine.cancels(lodger.id, site)) return;
  Py_XDECREF(PyObject_CallMethodNoArgs(task, names.cancel));
  PyErr_Clear();
}

PyObject* context_run(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keyword_names) {
  const auto original = reinterpret_cast<FastKeywords>(o_run);
  if (!here() || count == 0 || G.unwinding) return original(self, args, count, keyword_names);
  const Step step = step_of(args[0]);
  if (step.task == nullptr) return original(self, args, count, keyword_names);
  const auto found = lodgers.find(step.task);
  Lodger* lodger = found != lodgers.end() ? &found->second : lodger_of(step.task, site_of_call(Op::kStart));
  if (found == lodgers.end() && lodger != nullptr) tell_of_start(step.task, *lodger);
  if (lodger == nullptr) return original(self, args, count, keyword_names);
  if (step.plain && lodger->stepped && count == 1 && points_on()) {
    const int late = comes_late(*lodger, step.task, self, args[0]);
    if (late < 0) return nullptr;
    if (late > 0) Py_RETURN_NONE;
  }
  const TaskId id = lodger->id;
  // What it awaited is there, and somebody cancels it all the same.
  if (lodger->stepped && G.engine.may_cancel()) cancel_here(step.task, *lodger, Op::kCancel);
  lodger->stepped = true;
  G.engine.enter_lodger(id);
  if (G.observer != nullptr && points_on() && is_cancelled(step.task, count > 1 ? args[1] : nullptr)) tell_of_await(Op::kCancel, step.task);
  PyObject* result = original(self, args, count, keyword_names);
  if (G.engine.current() != id) return result;
  if (G.observer != nullptr && points_on()) tell_of_await(Op::kAwait, step.task);
  if (result != nullptr && G.engine.may_cancel()) cancel_here(step.task, *lodger, Op::kAwait);
  G.engine.leave_lodger();
  return result;
}

// ---------------------------------------------------------------- what is lost

// Tells the oracle; `mark` says what kind of loss it is.
void note_loss(TaskId task, PyObject* exception, PyObject* mark) {
  PyObject* traceback = PyException_GetTraceback(exception);
  G.unhandled.push_back({task, Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), Py_NewRef(exception), traceback, mark});
}

// Whether the program has set a handler of its own for what its loop loses: then it has seen it.
bool has_handler(PyObject* future) {
  PyObject* loop = PyObject_GetAttr(future, names.loop);
  PyObject* handler = loop != nullptr ? PyObject_GetAttr(loop, names.exception_handler) : nullptr;
  PyErr_Clear();
  const bool found = handler != nullptr && handler != Py_None;
  Py_XDECREF(handler);
  Py_XDECREF(loop);
  return found;
}

// A future that ends with an exception which nobody has looked at.
void before_finalizing(PyObject* future) {
  if (!here() || G.unwinding || !G.multi) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const auto found = lodgers.find(future);
  if (is_true(PyObject_GetAttr(future, names.log_traceback)) && !has_handler(future)) {
    PyObject* exception = PyObject_GetAttr(future, names.exception);
    if (exception != nullptr && PyExceptionInstance_Check(exception))
      note_loss(found != lodgers.end() ? found->second.id : G.engine.current(), exception, Py_Ellipsis);
    Py_XDECREF(exception);
  }
  if (found != lodgers.end()) lodgers.erase(found);
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

void finalize_task(PyObject* self) {
  before_finalizing(self);
  o_finalize_task(self);
}

void finalize_future(PyObject* self) {
  before_finalizing(self);
  o_finalize_future(self);
}

void finalize_coroutine(PyObject* self) {
  if (here() && !G.unwinding && G.multi && PyCoro_CheckExact(self) && reinterpret_cast<PyCoroObject*>(self)->cr_frame_state == FRAME_CREATED) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* text = PyUnicode_FromFormat("coroutine '%S' was never awaited", reinterpret_cast<PyCoroObject*>(self)->cr_qualname);
    PyObject* warning = text != nullptr ? PyObject_CallOneArg(PyExc_RuntimeWarning, text) : nullptr;
    if (warning != nullptr) note_loss(G.engine.current(), warning, Py_NotImplemented);
    Py_XDECREF(warning);
    Py_XDECREF(text);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
  }
  o_finalize_coroutine(self);
}

}  // namespace

void report_awaiting(PyObject* list) {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "asyncio.tasks");
  for (std::size_t i = 0; module != nullptr && list != nullptr && i < loops.size(); ++i) {
    Inactive inactive;
    PyObject* tasks = PyObject_CallMethod(module, "all_tasks", "O", loops[i]->loop);
    PyObject* all = tasks != nullptr ? PySequence_List(tasks) : nullptr;
    for (Py_ssize_t n = 0; all != nullptr && n < PyList_GET_SIZE(all); ++n) {
      PyObject* task = PyList_GET_ITEM(all, n);
      const auto found = lodgers.find(task);
      if (found == lodgers.end()) continue;
      PyObject* row = Py_BuildValue("(iiIOiOO)", found->second.id, static_cast<int>(Op::kAwait), site_of_await(Op::kAwait, task), task, -1,
                                    Py_None, Py_True);
      if (row == nullptr || PyList_Append(list, row) < 0) PyErr_Clear();
      Py_XDECREF(row);
    }
    Py_XDECREF(all);
    Py_XDECREF(tasks);
    PyErr_Clear();
  }
}

void look_after_asyncio() {
  if (G.looks_after_asyncio) return;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "_asyncio");
  if (module == nullptr) return;
  G.looks_after_asyncio = true;
  PyObject* type = PyObject_GetAttrString(module, "Task");
  PyObject* future = PyObject_GetAttrString(module, "Future");
  PyObject* getter = PyObject_GetAttrString(module, "_get_running_loop");
  PyObject* contexts = PyImport_ImportModule("_contextvars");
  PyObject* context_type = contexts != nullptr ? PyObject_GetAttrString(contexts, "Context") : nullptr;
  const bool ok = type != nullptr && PyType_Check(type) && getter != nullptr && context_type != nullptr && make_names() &&
                  swap_method(context_type, "run", METH_FASTCALL | METH_KEYWORDS, reinterpret_cast<void*>(context_run), &o_run) &&
                  swap_init(reinterpret_cast<PyTypeObject*>(type), task_init, &o_init) && future != nullptr && PyType_Check(future) &&
                  swap_finalizer(reinterpret_cast<PyTypeObject*>(type), finalize_task, &o_finalize_task) &&
                  swap_finalizer(reinterpret_cast<PyTypeObject*>(future), finalize_future, &o_finalize_future) &&
                  swap_finalizer(&PyCoro_Type, finalize_coroutine, &o_finalize_coroutine);
  if (ok) {
    task_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type));
    get_running_loop = Py_NewRef(getter);
  } else {
    PyErr_Clear();  // it runs as it is, in its own order
  }
  Py_XDECREF(context_type);
  Py_XDECREF(contexts);
  Py_XDECREF(getter);
  Py_XDECREF(future);
  Py_XDECREF(type);
}

void forget_loops() {
  for (const auto& loop : loops) Py_XDECREF(loop->loop);
  loops.clear();
  arrivals.clear();
  lodgers.clear();
}

}  // namespace unblink
