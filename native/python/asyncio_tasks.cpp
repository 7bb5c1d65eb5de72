// asyncio's tasks: each gets its lodger in the engine when it is made, so that schedules can name it by who made it; a task of a class
// that does not tell us gets one with its first step. Steps are recognised where they are run: by Context.run(). And what
// becomes of tasks and futures: who cancels them, which thread touches them, what they lose.
#include <cstring>
#include <unordered_map>

#include "asyncio_state.hpp"
#include "sites.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

constexpr std::size_t kMostLodgers = 1000;  // of an execution; more have no name of their own

// Tells the oracle; `mark` says of what kind it is.
void note_loss(TaskId task, PyObject* exception, PyObject* mark) {
  PyObject* traceback = PyException_GetTraceback(exception);
  G.unhandled.push_back({task, Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), Py_NewRef(exception), traceback, Py_NewRef(mark)});
}

struct Lodger {
  TaskId id;
  bool stepped = false;
  bool late = false;
  bool is_root = false;  // nobody but an interrupt cancels what a loop is run for
};

void* o_run = nullptr;
destructor o_finalize_task = nullptr, o_finalize_future = nullptr, o_finalize_coroutine = nullptr;
initproc o_init = nullptr;
PyTypeObject* task_type = nullptr;
PyTypeObject* step_type = nullptr;
PyMethodDef* wakeup = nullptr;
std::unordered_map<PyObject*, Lodger> lodgers;

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

// Something is put into the queue of a loop that runs in another thread: nothing wakes it, and nothing orders the two. asyncio's
// own debug mode raises there.
void check_touch(PyObject* own) {
  EventLoop* loop = known_loop(own);
  if (loop == nullptr || loop->thread == G.current() || G.touched) return;
  PyObject* thread = PyObject_GetAttr(own, names().thread_id);
  PyErr_Clear();
  const bool runs = thread != nullptr && thread != Py_None;
  Py_XDECREF(thread);
  if (!runs) return;
  G.touched = true;
  PyObject* text = PyUnicode_FromString("an event loop that runs in another thread was touched without call_soon_threadsafe()");
  PyObject* problem = text != nullptr ? PyObject_CallOneArg(PyExc_RuntimeError, text) : nullptr;
  if (problem != nullptr) note_loss(G.engine.current(), problem, Py_True);
  Py_XDECREF(problem);
  Py_XDECREF(text);
  PyErr_Clear();
}

bool a_loop_runs_elsewhere() {
  for (const auto& loop : loops)
    if (loop->thread != G.current()) return true;
  return false;
}

// Made, or not: an exception is set.
int told(int made, PyObject* task, const Lodger* lodger) {
  if (made == 0 && lodger != nullptr) tell_of_start(task, *lodger);
  return made;
}

int task_init(PyObject* self, PyObject* args, PyObject* keywords) {
  if (!here() || G.unwinding) return o_init(self, args, keywords);
  lodgers.erase(self);  // whoever had this address before
  PyObject* own = keywords != nullptr && a_loop_runs_elsewhere() ? PyDict_GetItemWithError(keywords, names().own_loop) : nullptr;
  if (own != nullptr) check_touch(own);
  Lodger* lodger = lodger_of(self, site_of_call(Op::kStart));
  PyObject* eager = keywords != nullptr ? PyDict_GetItemWithError(keywords, names().eager_start) : nullptr;
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
  if (step_type == nullptr && std::strstr(type->tp_name, "TaskStepMethWrapper") != nullptr) {  // 3.11 has it without a module
    PyObject* task = PyObject_GetAttr(callback, names().self);
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

// Where the task awaits something; kNoSite if it has ended. For `depth` see site_of_coroutine.
SiteId site_of_await(Op op, PyObject* task, int* depth = nullptr) {
  PyObject* coroutine = PyObject_CallMethodNoArgs(task, names().coro);
  const SiteId site = coroutine != nullptr ? site_of_coroutine(op, coroutine, depth) : kNoSite;
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
  return is_true(PyObject_GetAttr(task, names().must_cancel)) || (future != nullptr && is_true(PyObject_CallMethodNoArgs(future, names().is_cancelled)));
}

// Whether the loop could do anything else if this one were late.
bool others_could_come(EventLoop& loop) {
  if (!loop.late.empty() || length_of(loop.loop, names().ready) > 0 || length_of(loop.loop, names().scheduled) > 0) return true;
  return G.engine.alive() > 1 || watches_anything(loop);
}

// The handle that calls back, where the caller is a method of one; borrowed.
PyObject* calling_handle(PyObject* callback) {
  PyObject* handle = compat::first_local(compat::top_frame(G.thread_state));
  if (handle == nullptr || std::strstr(Py_TYPE(handle)->tp_name, "Handle") == nullptr) return nullptr;
  PyObject* called = PyObject_GetAttr(handle, names().callback);
  PyErr_Clear();
  Py_XDECREF(called);
  return called == callback ? handle : nullptr;
}

// The handle that calls back is what its loop's queue holds: 1: it stands there again, 0: the caller's frame is none of a handle's.
int append_handle(PyObject* loop, PyObject* callback) {
  PyObject* handle = calling_handle(callback);
  PyObject* ready = handle != nullptr ? PyObject_GetAttr(loop, names().ready) : nullptr;
  PyObject* appended = ready != nullptr ? PyObject_CallMethodOneArg(ready, names().append, handle) : nullptr;
  PyErr_Clear();
  Py_XDECREF(ready);
  Py_XDECREF(appended);
  return appended != nullptr;
}

// 1, or -1 with an exception set
int stand_in_queue_again(EventLoop& loop, PyObject* context, PyObject* callback) {
  if (append_handle(loop.loop, callback)) return 1;
  PyObject* arguments[] = {loop.loop, callback, context};
  static PyObject* keyword = PyTuple_Pack(1, names().context);
  PyObject* handle = PyObject_VectorcallMethod(names().call_soon, arguments, 2, keyword);
  Py_XDECREF(handle);
  return handle != nullptr ? 1 : -1;
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
    int depth = 0;
    const SiteId site = site_of_await(Op::kResume, task, &depth);
    // In the test's own coroutine, or what its loop is run for, it stands for no input or output: it lets other tasks begin.
    if (site == kNoSite || depth == 0 || (lodger.is_root && depth == 1)) return 0;
    const bool ok = go(G.engine.point_of_lodger(id, site, loop->key));
    if (!ok && G.unwinding) return -1;
    const bool chosen = G.engine.current() == id;
    G.engine.settle_lodger(id);
    if (chosen) G.engine.leave_lodger();
    if (!ok) return -1;
    lodger.late = !chosen;
    if (lodger.late) loop->late.push_back(id);
  }
  return lodger.late ? stand_in_queue_again(*loop, context, callback) : 0;
}

// Somebody cancels the task where it stands.
void cancel_here(PyObject* task, const Lodger& lodger, Op op) {
  if (lodger.is_root || !points_on()) return;
  const SiteId site = site_of_await(op, task);
  if (site == kNoSite || !G.engine.cancels(lodger.id, site)) return;
  Py_XDECREF(PyObject_CallMethodNoArgs(task, names().cancel));
  PyErr_Clear();
}

// What the loop calls that is no task's step, a timer's or a future's callback: others may put something into its queue before.
bool stand_before_call(PyObject* callback) {
  if (loops.empty() || G.engine.alive() == 1 || !points_on() || calling_handle(callback) == nullptr) return true;
  PyObject* running = running_loop();
  EventLoop* loop = running != nullptr ? known_loop(running) : nullptr;
  Py_XDECREF(running);
  if (loop == nullptr) return true;
  const Key queue = queue_of(*loop);
  const SiteId site = site_of_call(Op::kCall);
  if (G.engine.is_hot(site) && !go(G.engine.point(Op::kCall, site, queue))) return false;
  G.engine.access(queue, site, true, false);
  return true;
}

PyObject* context_run(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keyword_names) {
  const auto original = reinterpret_cast<FastKeywords>(o_run);
  if (!here() || count == 0 || G.unwinding) return original(self, args, count, keyword_names);
  const Step step = step_of(args[0]);
  if (step.task == nullptr) return stand_before_call(args[0]) ? original(self, args, count, keyword_names) : nullptr;
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

// ---------------------------------------------------------------- what other threads touch

void *o_set_result, *o_set_exception, *o_cancel_future, *o_cancel_task;

// Something is put into the queue of a loop: one that runs in another thread is not woken by it.
void tell_of_touch(PyObject* own, PyObject* touched) {
  PyObject* running = running_loop();
  EventLoop* loop = own != running ? known_loop(own) : nullptr;
  if (loop != nullptr && loop->thread != G.current()) observe(Op::kTouch, site_of_call(Op::kTouch), touched, Py_None);
  Py_XDECREF(running);
  PyErr_Clear();
}

// A future is set or cancelled: its callbacks are put into its loop's queue.
bool before_touching(PyObject* future, PyObject* const*, Py_ssize_t) {
  if (!here() || !points_on() || !a_loop_runs_elsewhere()) return true;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* own = PyObject_CallMethodNoArgs(future, names().get_loop);
  if (own != nullptr) check_touch(own);
  if (own != nullptr && G.observer != nullptr) tell_of_touch(own, future);
  Py_XDECREF(own);
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
  return true;
}

// ---------------------------------------------------------------- what is lost

// Whether the program has set a handler of its own for what its loop loses: then it has seen it.
bool has_handler(PyObject* future) {
  PyObject* loop = PyObject_GetAttr(future, names().loop);
  PyObject* handler = loop != nullptr ? PyObject_GetAttr(loop, names().exception_handler) : nullptr;
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
  if (is_true(PyObject_GetAttr(future, names().log_traceback)) && !has_handler(future)) {
    PyObject* exception = PyObject_GetAttr(future, names().exception);
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

// Called by tasks that are written in Python (asyncio.tasks._PyTask) alone: their steps are not told apart from other callbacks.
void* o_register_task;
PyObject* register_task(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keyword_names) {
  if (here() && !G.unwinding) note_uncontrolled(Uncontrolled::kTask);
  return reinterpret_cast<FastKeywords>(o_register_task)(self, args, count, keyword_names);
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

// All that have not ended, of all loops.
template <class Visit>
void for_each_task(Visit visit) {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "asyncio.tasks");
  for (std::size_t i = 0; module != nullptr && i < loops.size(); ++i) {
    Inactive inactive;
    PyObject* tasks = PyObject_CallMethod(module, "all_tasks", "O", loops[i]->loop);
    PyObject* all = tasks != nullptr ? PySequence_List(tasks) : nullptr;
    for (Py_ssize_t n = 0; all != nullptr && n < PyList_GET_SIZE(all); ++n) visit(PyList_GET_ITEM(all, n));
    Py_XDECREF(all);
    Py_XDECREF(tasks);
    PyErr_Clear();
  }
}

}  // namespace

PyObject* touch(PyObject*, PyObject* loop) {
  if (G.observer != nullptr && here() && points_on()) tell_of_touch(loop, loop);
  Py_RETURN_NONE;
}

void report_awaiting(PyObject* list) {
  if (list == nullptr) return;
  for_each_task([list](PyObject* task) {
    const auto found = lodgers.find(task);
    if (found == lodgers.end()) return;
    PyObject* row = Py_BuildValue("(iiIOiOO)", found->second.id, static_cast<int>(Op::kAwait), site_of_await(Op::kAwait, task), task, -1,
                                  Py_None, Py_True);
    if (row == nullptr || PyList_Append(list, row) < 0) PyErr_Clear();
    Py_XDECREF(row);
  });
}

void keep_stubborn_tasks() {
  for_each_task([](PyObject* task) {
    PyObject* asked = PyObject_CallMethodNoArgs(task, names().cancelling);
    if (asked != nullptr && PyObject_IsTrue(asked) == 1) Py_INCREF(task);
    Py_XDECREF(asked);
    PyErr_Clear();
  });
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
  const bool ok = type != nullptr && PyType_Check(type) && getter != nullptr && context_type != nullptr &&
                  swap_method(context_type, "run", METH_FASTCALL | METH_KEYWORDS, reinterpret_cast<void*>(context_run), &o_run) &&
                  swap_method(module, "_register_task", METH_FASTCALL | METH_KEYWORDS, reinterpret_cast<void*>(register_task), &o_register_task) &&
                  swap_init(reinterpret_cast<PyTypeObject*>(type), task_init, &o_init) && future != nullptr && PyType_Check(future) &&
                  swap_before<&o_set_result, before_touching>(future, "set_result") &&
                  swap_before<&o_set_exception, before_touching>(future, "set_exception") &&
                  swap_before<&o_cancel_future, before_touching>(future, "cancel") &&
                  swap_before<&o_cancel_task, before_touching>(type, "cancel") &&
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
  forget_selecting();
  lodgers.clear();
}

}  // namespace unblink
