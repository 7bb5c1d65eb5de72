// The select of asyncio's event loops: what has come is offered, and what was chosen is in the result. What is chosen, and why, is
// in native/core/engine_loops.cpp.
#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <map>

#include "asyncio_state.hpp"
#include "sites.hpp"

namespace unblink {

std::vector<std::unique_ptr<EventLoop>> loops;
PyObject* get_running_loop = nullptr;

namespace {

constexpr std::size_t kMostAlarms = 64;
constexpr int kMostUnasked = 30;
constexpr Nanos kFarAway = 61'000'000'000LL;  // no stall is longer

struct Arrival {
  TaskId task;
  SiteId site;
  ino_t file;
  bool local;  // see is_local
};
std::map<std::pair<PyObject*, int>, Arrival> arrivals;  // by selector and descriptor
Key made = 0;                                           // loops of this execution

}  // namespace

// ---------------------------------------------------------------- loops

TaskId carried(TaskKind kind, TaskId parent, TaskId carrier, SiteId made_at) {
  const TaskId id = G.engine.lodge(parent, carrier);
  G.make_room_for(id, kind);
  G.task(id).created_at = made_at;
  return id;
}

PyObject* running_loop() {
  PyObject* loop = get_running_loop == nullptr ? nullptr : PyObject_CallNoArgs(get_running_loop);
  if (loop == nullptr) PyErr_Clear();
  if (loop == Py_None) Py_CLEAR(loop);
  return loop;
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

namespace {

int descriptor_of_end(PyObject* loop, PyObject* end) {
  PyObject* socket = PyObject_GetAttr(loop, end);
  PyObject* number = socket != nullptr && socket != Py_None ? PyObject_CallMethodNoArgs(socket, names().fileno) : nullptr;
  const long descriptor = number != nullptr ? PyLong_AsLong(number) : -1;
  PyErr_Clear();
  Py_XDECREF(number);
  Py_XDECREF(socket);
  return static_cast<int>(descriptor);
}

// Its selector is a Python object around the C one.
bool selects_by(PyObject* loop, PyObject* selector) {
  PyObject* outer = PyObject_GetAttr(loop, names().selector);
  PyObject* inner = outer != nullptr ? PyObject_GetAttr(outer, names().selector) : nullptr;
  PyErr_Clear();
  const bool found = inner == selector;
  Py_XDECREF(inner);
  Py_XDECREF(outer);
  return found;
}

PyObject* watched_by(PyObject* loop) {
  PyObject* selector = PyObject_GetAttr(loop, names().selector);
  PyObject* watched = selector != nullptr ? PyObject_GetAttr(selector, names().watched) : nullptr;
  PyErr_Clear();
  Py_XDECREF(selector);
  if (watched != nullptr && !PyDict_CheckExact(watched)) Py_CLEAR(watched);
  return watched;
}

// The selector need not be asked where nobody can have woken the loop and it watches nothing else. What no execution controls
// may have done so all the same: it is asked often enough for that, and whenever the loop waits.
bool need_not_ask(EventLoop& loop) {
  if (loop.woken || G.engine.alive() > 1 || ++loop.unasked > kMostUnasked) return false;
  const bool watches_itself_only = loop.watched != nullptr && PyDict_GET_SIZE(loop.watched) == 1 && loop.self_pipe >= 0;
  return watches_itself_only && length_of(loop.loop, names().signal_handlers) == 0;  // a signal wakes it, too
}

PyObject* events_of(EventLoop& loop, const Look& look) {
  if (need_not_ask(loop)) return PyList_New(0);
  loop.unasked = 0;
  loop.woken = false;
  return look();
}

// When its timers are due. The list is a heap, of which only the part is looked at that can matter.
void read_alarms(EventLoop& loop) {
  std::vector<Nanos>& alarms = G.engine.alarms();
  alarms.clear();
  PyObject* heap = PyObject_GetAttr(loop.loop, names().scheduled);
  std::vector<Py_ssize_t> open;
  if (heap != nullptr && PyList_CheckExact(heap)) open.push_back(0);
  while (!open.empty() && alarms.size() < kMostAlarms) {
    const Py_ssize_t at = open.back();
    open.pop_back();
    if (at >= PyList_GET_SIZE(heap)) continue;
    PyObject* timer = PyList_GET_ITEM(heap, at);
    PyObject* when = PyObject_GetAttr(timer, names().when);
    PyObject* cancelled = when != nullptr ? PyObject_GetAttr(timer, names().cancelled) : nullptr;
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

bool has_other_end(int descriptor, ino_t file) {
  DIR* folder = ::opendir("/proc/self/fd");
  bool found = false;
  for (dirent* entry = folder != nullptr ? ::readdir(folder) : nullptr; entry != nullptr && !found; entry = ::readdir(folder)) {
    const int other = std::atoi(entry->d_name);
    found = entry->d_name[0] != '.' && other != descriptor && file_of(other) == file;
  }
  if (folder != nullptr) ::closedir(folder);
  return found;
}

// A pipe or a pair of sockets of which this process has both ends: what one puts in the other can take at once. Only
// what comes over a network, or from another process, may be on its way.
bool is_local(int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) return false;
  if (S_ISFIFO(status.st_mode)) return has_other_end(descriptor, status.st_ino);
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (!S_ISSOCK(status.st_mode) || ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &length) != 0 || name.ss_family != AF_UNIX)
    return false;
  ucred peer{};
  length = sizeof peer;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == ::getpid();
}

Arrival& arrival_of(EventLoop& loop, int descriptor, SiteId site) {
  const auto found = arrivals.find({loop.selector, descriptor});
  if (found != arrivals.end()) return found->second;
  return arrivals[{loop.selector, descriptor}] = {carried(TaskKind::kArrival, loop.thread, loop.thread, site), site, file_of(descriptor),
                                                is_local(descriptor)};
}

int descriptor_of(PyObject* event) {
  return PyTuple_CheckExact(event) && PyTuple_GET_SIZE(event) == 2 ? static_cast<int>(PyLong_AsLong(PyTuple_GET_ITEM(event, 0))) : -1;
}

// Offers what has come; whether something of it cannot be late: what one of our own threads has put there, whose lateness is
// the thread's.
bool offer_events(EventLoop& loop, PyObject* events, SiteId site) {
  bool urgent = false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(events); ++i) {
    const int descriptor = descriptor_of(PyList_GET_ITEM(events, i));
    if (descriptor < 0 || descriptor == loop.self_pipe) {
      urgent = true;
      continue;
    }
    const Arrival& arrival = arrival_of(loop, descriptor, site);
    if (arrival.local) {
      urgent = true;
      continue;
    }
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
    const bool urgent = descriptor < 0 || descriptor == loop.self_pipe || found == arrivals.end() || found->second.local;
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
  if (known == nullptr && PyObject_HasAttr(running, names().scheduled) && selects_by(running, selector)) {
    loops.push_back(std::make_unique<EventLoop>());
    known = loops.back().get();
    known->loop = Py_NewRef(running);
    known->selector = selector;
    known->thread = G.current();
    known->self_pipe = descriptor_of_end(running, names().ssock);
    known->waker = descriptor_of_end(running, names().csock);
    known->watched = watched_by(running);
    known->key = kTaskKeys | kUntold | ++made;  // not by its address: where a loop has gone another may come
    G.multi = true;
    G.refresh_live();
  }
  Py_DECREF(running);
  return known != nullptr && known->selector == selector ? known : nullptr;
}

void note_watched(PyObject* selector, int descriptor) {
  if (descriptor < 0 || get_running_loop == nullptr || !points_on()) return;
  PyObject* running = running_loop();  // no other selector has arrivals, and they count in the names of tasks
  Py_XDECREF(running);
  if (running == nullptr) return;
  const ino_t file = file_of(descriptor);
  const auto found = arrivals.find({selector, descriptor});
  if (found != arrivals.end() && found->second.file == file) return;
  const SiteId site = site_of_call(Op::kArrive);
  if (site == kImportSite) return;
  arrivals[{selector, descriptor}] = {carried(TaskKind::kArrival, G.engine.current(), G.current(), site), site, file, is_local(descriptor)};
}

void note_waking(int descriptor, SiteId site) {
  for (const auto& loop : loops) {
    if (loop->waker != descriptor) continue;
    loop->woken = true;
    if (loop->thread != G.current()) G.engine.access(queue_of(*loop), site, true, false);
  }
}

namespace {

struct Selecting {
  explicit Selecting(EventLoop& loop) : loop_(loop) { ++loop_.selecting; }
  ~Selecting() { --loop_.selecting; }
  Selecting(const Selecting&) = delete;
  Selecting& operator=(const Selecting&) = delete;

 private:
  EventLoop& loop_;
};

void forget_arrivals_of(PyObject* selector) {
  arrivals.erase(arrivals.lower_bound({selector, INT_MIN}), arrivals.upper_bound({selector, INT_MAX}));
}

}  // namespace

// A loop that is closed selects no more, and goes when the program lets it go.
void forget_loop_of(PyObject* selector) {
  const auto found =
      std::find_if(loops.begin(), loops.end(), [selector](const auto& loop) { return loop->selector == selector && loop->selecting == 0; });
  if (found == loops.end()) return;
  forget_arrivals_of(selector);
  PyObject *loop = (*found)->loop, *watched = (*found)->watched;
  loops.erase(found);
  Py_XDECREF(watched);
  Py_DECREF(loop);
}

PyObject* select_in_loop(EventLoop& loop, const Look& look, Nanos timeout) {
  const Selecting selecting(loop);
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
    Py_XSETREF(events, events_of(loop, look));
    if (events == nullptr || !PyList_Check(events)) break;
    const bool urgent = offer_events(loop, events, site);
    offer_late(loop);
    const bool waits = timeout != 0 || (!loop.late.empty() && length_of(loop.loop, names().ready) == static_cast<Py_ssize_t>(loop.late.size()));
    if (urgent || !waits || deadline <= engine.now() || any_granted(loop, events)) {
      if (asked) break;
      asked = true;
      const std::uint64_t switches = engine.switches();
      ok = go(engine.point_select(site, loop.key));
      if (!ok || engine.switches() == switches) break;  // nobody did anything meanwhile: what was seen is what there is
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
      loop.woken |= PyList_GET_SIZE(seen) > 0;
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

bool watches_anything(const EventLoop& loop) {
  return arrivals.lower_bound({loop.selector, -1}) != arrivals.upper_bound({loop.selector, INT_MAX});
}

void forget_selecting() {
  for (const auto& loop : loops) {
    Py_XDECREF(loop->watched);
    Py_XDECREF(loop->loop);
  }
  loops.clear();
  arrivals.clear();
  made = 0;
}

}  // namespace unblink
