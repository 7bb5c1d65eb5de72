// What the files about asyncio share: the loops of an execution, and the names by which their attributes are read.
#pragma once
#include <memory>
#include <vector>

#include "locations.hpp"
#include "loops.hpp"

namespace unblink {

struct EventLoop {
  PyObject* loop = nullptr;      // owned
  PyObject* selector = nullptr;  // its C object, borrowed
  TaskId thread = kNone;
  int self_pipe = -1;
  int waker = -1;  // the other end of it
  PyObject* watched = nullptr;   // by its selector, owned; null if that cannot be told
  int selecting = 0;  // whether it is in its select now
  int unasked = 0;    // turns in a row for which the selector was not asked
  bool woken = false;  // by something of its own thread since then
  Key key = kNoKey;
  std::vector<TaskId> late;  // lodgers that were put off and stand in its queue
};

struct AsyncioNames {
  PyObject* scheduled = PyUnicode_InternFromString("_scheduled");
  PyObject* when = PyUnicode_InternFromString("_when");
  PyObject* cancelled = PyUnicode_InternFromString("_cancelled");
  PyObject* ready = PyUnicode_InternFromString("_ready");
  PyObject* ssock = PyUnicode_InternFromString("_ssock");
  PyObject* csock = PyUnicode_InternFromString("_csock");
  PyObject* fileno = PyUnicode_InternFromString("fileno");
  PyObject* selector = PyUnicode_InternFromString("_selector");
  PyObject* watched = PyUnicode_InternFromString("_fd_to_key");
  PyObject* signal_handlers = PyUnicode_InternFromString("_signal_handlers");
  PyObject* self = PyUnicode_InternFromString("__self__");
  PyObject* coro = PyUnicode_InternFromString("get_coro");
  PyObject* call_soon = PyUnicode_InternFromString("call_soon");
  PyObject* context = PyUnicode_InternFromString("context");
  PyObject* eager_start = PyUnicode_InternFromString("eager_start");
  PyObject* cancelling = PyUnicode_InternFromString("cancelling");
  PyObject* must_cancel = PyUnicode_InternFromString("_must_cancel");
  PyObject* is_cancelled = PyUnicode_InternFromString("cancelled");
  PyObject* cancel = PyUnicode_InternFromString("cancel");
  PyObject* log_traceback = PyUnicode_InternFromString("_log_traceback");
  PyObject* exception = PyUnicode_InternFromString("_exception");
  PyObject* loop = PyUnicode_InternFromString("_loop");
  PyObject* exception_handler = PyUnicode_InternFromString("_exception_handler");
  PyObject* get_loop = PyUnicode_InternFromString("get_loop");
  PyObject* thread_id = PyUnicode_InternFromString("_thread_id");
  PyObject* own_loop = PyUnicode_InternFromString("loop");
  PyObject* callback = PyUnicode_InternFromString("_callback");
  PyObject* append = PyUnicode_InternFromString("append");
  PyObject* module = PyUnicode_InternFromString("__module__");
  PyObject* run_forever = PyUnicode_InternFromString("run_forever");
};
inline const AsyncioNames& names() {
  static const AsyncioNames known;
  return known;
}

extern std::vector<std::unique_ptr<EventLoop>> loops;
extern PyObject* get_running_loop;  // asyncio's own; null before it was imported

EventLoop* known_loop(PyObject* loop);
inline Key queue_of(const EventLoop& loop) { return mix(loop.key, 0x7175657565ULL) | kUntold; }
Py_ssize_t length_of(PyObject* loop, PyObject* name);  // of one of its containers
bool watches_anything(const EventLoop& loop);
void forget_selecting();
// A task of the engine without a stack, made by `parent` for the thread `carrier`.
TaskId carried(TaskKind kind, TaskId parent, TaskId carrier, SiteId made_at);

}  // namespace unblink
