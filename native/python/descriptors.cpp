// Waiting on descriptors: select, poll, epoll, and what other files wait with (sockets.cpp, tls.cpp, files.cpp, signals.cpp).
//
// A call that would block first looks; ready at once, it is a normal step. Otherwise the task waits, others run,
// and whoever waits is looked at again when nobody else can go on, before the virtual clock moves. Where the other
// end may be outside of control (another process, a thread that is none of ours), real time is given to it first.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "descriptors.hpp"
#include "ground.hpp"
#include "loops.hpp"
#include "outside.hpp"
#include "sites.hpp"
#include "swap_before.hpp"

namespace unblink {

int wait_until_ready(const Probe& probe, Op op, SiteId site, Nanos deadline) {
  for (;;) {
    const int ready = probe();
    if (ready != 0) return ready;
    if (deadline <= G.engine.now()) return 0;
    Task& task = G.me();
    task.probe = probe;
    const bool ok = go(G.engine.wait(op, site, kNoKey, deadline));
    G.me().probe = nullptr;
    if (!ok) return -1;
    G.engine.synchronise(kWire, false);
    if (G.engine.timed_out()) return probe();
  }
}

// What goes through a terminal is on its way for a while, in the system's own time.
void note_terminal(int descriptor) { G.terminals = G.terminals || ::isatty(descriptor) == 1; }

int is_ready(int descriptor, short events) {
  pollfd entry = {descriptor, events, 0};
  const int found = ::poll(&entry, 1, 0);
  return found != 0 ? 1 : 0;  // an error is for the call itself to tell
}

bool stand_before(Op op, SiteId& site) {
  site = site_of_call(op);
  look_outside();
  if (points_on() && !go(G.engine.point(op, site, kNoKey))) return false;
  G.engine.synchronise(kWire, true);
  G.used_descriptors = true;
  return true;
}

namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Keywords = PyObject* (*)(PyObject*, PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

void *o_select, *o_poll, *o_epoll_poll, *o_epoll_register, *o_epoll_close, *o_poll_register;

// ---------------------------------------------------------------- select, poll, epoll

// What was closed while somebody waits for it is no event: poll tells of it with the others, or at its end.
bool is_event(PyObject* entry, bool first) {
  if (first || !PyTuple_Check(entry) || PyTuple_GET_SIZE(entry) != 2) return true;
  const long events = PyLong_AsLong(PyTuple_GET_ITEM(entry, 1));
  PyErr_Clear();
  return events != POLLNVAL;
}

bool any_ready(PyObject* result, bool first) {
  for (Py_ssize_t i = 0; PyList_Check(result) && i < PyList_GET_SIZE(result); ++i)
    if (is_event(PyList_GET_ITEM(result, i), first)) return true;
  for (Py_ssize_t i = 0; PyTuple_Check(result) && i < PyTuple_GET_SIZE(result); ++i)
    if (PyObject_Length(PyTuple_GET_ITEM(result, i)) > 0) return true;
  return false;
}

// `look` calls the original with a timeout of zero. Its result is kept, for an event may be told only once.
template <class Look>
PyObject* wait_for_events(Look look, Nanos timeout) {
  SiteId site;
  if (!stand_before(Op::kGet, site)) return nullptr;
  PyObject* running = running_loop();
  // A loop that waits by what is none of asyncio's usual, or is none of asyncio's. Who only looks, within a task, is no loop.
  const bool is_loops_own = running != nullptr && G.engine.current() == G.engine.thread();
  // Nor is what the library waits for with a selector of its own: the answer of a child process, the requests of a server.
  const bool is_foreign = timeout != 0 && (running != nullptr || (!G.multi && !is_called_by_library({"/selectors.py", "/asyncore.py"})));
  if (G.quiet == 0 && (is_loops_own || is_foreign)) note_uncontrolled(Uncontrolled::kLoop);
  Py_XDECREF(running);
  const auto result = std::make_shared<PyObject*>(nullptr);
  const Probe probe = [look, result]() -> int {
    if (*result != nullptr && any_ready(*result, false)) return 1;
    const bool first = *result == nullptr;
    Py_XSETREF(*result, look());
    if (*result == nullptr) return -1;
    return any_ready(*result, first) ? 1 : 0;
  };
  const int ready = timeout == 0 ? probe() : wait_until_ready(probe, Op::kGet, site, deadline_after(timeout));
  if (ready < 0) {
    if (!PyErr_Occurred()) return look();  // raises in the task's own name
    Py_CLEAR(*result);
  }
  return *result;
}

// What an event loop watches from now on.
bool before_register(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (!here() || count < 1) return true;
  const int descriptor = PyObject_AsFileDescriptor(args[0]);
  if (descriptor < 0) PyErr_Clear();
  note_terminal(descriptor);
  note_watched(self, descriptor);
  return true;
}

bool before_close(PyObject* epoll, PyObject* const*, Py_ssize_t) {
  if (here()) forget_loop_of(epoll);
  return true;
}

PyObject* zero() {
  static PyObject* number = PyLong_FromLong(0);
  return number;
}

// Milliseconds, None or negative for ever. False: leave it to the original.
bool milliseconds(PyObject* object, double unit, Nanos& timeout) {
  timeout = kForever;
  if (object == nullptr || object == Py_None) return true;
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    return false;
  }
  if (value < 0) return true;
  timeout = value * unit > 9e18 ? kForever : static_cast<Nanos>(value * unit);
  return true;
}

bool is_open(PyObject* file) {
  const int descriptor = PyObject_AsFileDescriptor(file);
  PyErr_Clear();
  return descriptor >= 0 && ::fcntl(descriptor, F_GETFD) >= 0;
}

// What another task closes meanwhile wakes nobody who waits for it already.
PyObject* still_open(PyObject* list) {
  PyObject* kept = PyList_New(0);
  for (Py_ssize_t i = 0; kept != nullptr && i < PyList_GET_SIZE(list); ++i)
    if (is_open(PyList_GET_ITEM(list, i)) && PyList_Append(kept, PyList_GET_ITEM(list, i)) < 0) Py_CLEAR(kept);
  return kept;
}

// Who is woken by another file, or by nothing, hears of what was closed: the system's last look finds it.
PyObject* with_closed(PyObject* list, PyObject* found) {
  PyObject* all = PyList_New(0);
  for (Py_ssize_t i = 0; all != nullptr && i < PyList_GET_SIZE(list); ++i) {
    PyObject* file = PyList_GET_ITEM(list, i);
    bool tells = !is_open(file);
    for (Py_ssize_t n = 0; !tells && n < PyList_GET_SIZE(found); ++n) tells = PyList_GET_ITEM(found, n) == file;
    if (tells && PyList_Append(all, file) < 0) Py_CLEAR(all);
  }
  return all;
}

PyObject* select_select(PyObject* module, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_select);
  Nanos timeout = kForever;
  const bool usual = here() && (count == 3 || (count == 4 && milliseconds(args[3], 1e9, timeout)));
  if (!usual || (count == 4 && args[3] != Py_None && PyFloat_AsDouble(args[3]) < 0)) return original(module, args, count);
  // The lists may be iterators, which can be looked at once only.
  PyObject* lists[3];
  for (int i = 0; i < 3; ++i) {
    lists[i] = PySequence_List(args[i]);
    if (lists[i] == nullptr) {
      for (int j = 0; j < i; ++j) Py_DECREF(lists[j]);
      PyErr_Clear();
      return original(module, args, count);  // raises
    }
  }
  const auto looks = std::make_shared<int>(0);
  PyObject* result = wait_for_events(
      [=, reads = lists[0], writes = lists[1], errors = lists[2]]() -> PyObject* {
        const bool again = ++*looks > 1;
        PyObject* looked[] = {again ? still_open(reads) : Py_NewRef(reads), again ? still_open(writes) : Py_NewRef(writes),
                              again ? still_open(errors) : Py_NewRef(errors), zero()};
        PyObject* found = looked[0] && looked[1] && looked[2] ? original(module, looked, 4) : nullptr;
        for (int i = 0; i < 3; ++i) Py_XDECREF(looked[i]);
        return found;
      },
      timeout);
  for (int i = 0; i < 3; ++i) {
    PyObject* all = result != nullptr && *looks > 1 ? with_closed(lists[i], PyTuple_GET_ITEM(result, i)) : nullptr;
    if (all != nullptr) Py_SETREF(reinterpret_cast<PyTupleObject*>(result)->ob_item[i], all);
    Py_DECREF(lists[i]);
  }
  return result;
}

PyObject* poll_poll(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto original = reinterpret_cast<Fast>(o_poll);
  Nanos timeout;
  if (!here() || count > 1 || !milliseconds(count == 1 ? args[0] : nullptr, 1e6, timeout)) return original(self, args, count);
  const auto look = [=] {
    PyObject* looked[] = {zero()};
    return original(self, looked, 1);
  };
  EventLoop* loop = G.quiet == 0 ? loop_of_selector(self) : nullptr;
  return loop != nullptr ? select_in_loop(*loop, look, timeout) : wait_for_events(look, timeout);
}

PyObject* epoll_poll(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  const auto original = reinterpret_cast<FastKeywords>(o_epoll_poll);
  PyObject *timeout_object = count > 0 ? args[0] : nullptr, *most = count > 1 ? args[1] : nullptr;
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  bool usual = here() && count <= 2;
  for (Py_ssize_t i = 0; i < named; ++i) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), "timeout") == 0)
      timeout_object = args[count + i];
    else if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), "maxevents") == 0)
      most = args[count + i];
    else
      usual = false;
  }
  Nanos timeout;
  if (!usual || !milliseconds(timeout_object, 1e9, timeout)) return original(self, args, count, names);
  const auto look = [=] {
    PyObject* looked[] = {zero(), most};
    return original(self, looked, most == nullptr ? 1 : 2, nullptr);
  };
  EventLoop* loop = G.quiet == 0 ? loop_of_selector(self) : nullptr;
  return loop != nullptr ? select_in_loop(*loop, look, timeout) : wait_for_events(look, timeout);
}

}  // namespace

int await_probe(const Probe& probe, Op op, Nanos deadline) {
  SiteId site;
  return stand_before(op, site) ? wait_until_ready(probe, op, site, deadline) : -1;
}

int await_descriptor_until(int descriptor, short events, Op op, Nanos deadline) {
  note_terminal(descriptor);
  return await_probe([descriptor, events] { return is_ready(descriptor, events); }, op, deadline);
}

bool await_descriptor(int descriptor, short events, Op op) { return await_descriptor_until(descriptor, events, op, kForever) >= 0; }

// Whoever waits for the other end of what was just written, connected or closed can go on from now on, not only when nobody else can.
void wire_changed() {
  if (here() && points_on() && anyone_probes()) wake_probing();
}

// Looks at every task that waits on a descriptor; whether one of them can go on.
bool wake_probing() {
  bool woken = false;
  for (std::size_t i = 0; i < G.task_count; ++i) {
    const auto id = static_cast<TaskId>(i);
    Task& task = G.task(id);
    const TaskId actor = G.engine.task(id).acting;
    if (task.ended || !task.probe || G.engine.task(actor).state != TaskState::kWaiting) continue;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    {
      Inactive inactive;
      const int found = task.probe();
      if (found != 0 && found != kOthersCanGoOn) G.engine.wake(actor);  // an error, too, is for the task to see
      woken = woken || found != 0;
      PyErr_Clear();
    }
    PyErr_Restore(type, value, traceback);
  }
  return woken;
}

bool anyone_probes() {
  for (std::size_t i = 0; i < G.task_count; ++i)
    if (!G.tasks[i]->ended && static_cast<bool>(G.tasks[i]->probe)) return true;
  return false;
}

bool install_descriptors() {
  PyObject* select = PyImport_ImportModule("select");
  PyObject* poll_object = select ? PyObject_CallMethod(select, "poll", nullptr) : nullptr;
  PyObject* epoll = poll_object ? PyObject_GetAttrString(select, "epoll") : nullptr;
  if (epoll == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  PyObject* poll_type = reinterpret_cast<PyObject*>(Py_TYPE(poll_object));
  const bool ok =
      swap_method(select, "select", METH_FASTCALL, f(select_select), &o_select) &&
      swap_method(poll_type, "poll", METH_FASTCALL, f(poll_poll), &o_poll) &&
      swap_before<&o_epoll_register, before_register>(epoll, "register") &&
      swap_before<&o_epoll_close, before_close>(epoll, "close") &&
      swap_before<&o_poll_register, before_register>(poll_type, "register") &&
      swap_method(epoll, "poll", METH_FASTCALL | METH_KEYWORDS, f(epoll_poll), &o_epoll_poll);
  Py_DECREF(epoll);
  Py_DECREF(poll_object);
  Py_DECREF(select);
  return ok;
}

}  // namespace unblink
