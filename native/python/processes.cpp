// Processes that a program starts while it is controlled. They run in real time and beside every task.
//
// In a forked child only the task that forked goes on, as the child's main thread under the ident that it had; the
// ground is gone there, from before the first handler that Python runs after a fork. In the parent, from the first child on, time
// passes as in life for as long as there is one (outside.cpp); who waits for the end of one waits as a task.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.hpp"
#include "ground.hpp"
#include "outside.hpp"
#include "swap_before.hpp"
#include "watch.hpp"

namespace unblink {
namespace {

using Call = PyObject* (*)(PyObject*, void*, void*, void*);  // arguments are handed through as they came

void *o_fork, *o_forkpty, *o_fork_exec, *o_spawn, *o_spawnp, *o_wait, *o_wait3, *o_wait4, *o_waitid, *o_waitpid;

// A process with threads is warned when it forks: of the program's threads, not of ours.
class WithoutWatch {
 public:
  WithoutWatch() : stopped_(!(here() && G.alive_workers > 0) && stop_watch()), process_(::getpid()) {}
  ~WithoutWatch() {
    if (stopped_ && G.active && ::getpid() == process_) start_watch();  // else the next execution does
  }
  WithoutWatch(const WithoutWatch&) = delete;
  WithoutWatch& operator=(const WithoutWatch&) = delete;

 private:
  bool stopped_;
  pid_t process_;
};

PyObject* fork(PyObject* module, PyObject* none) {
  const WithoutWatch alone;
  return reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(o_fork)(module, none);
}
PyObject* forkpty(PyObject* module, PyObject* none) {
  const WithoutWatch alone;
  return reinterpret_cast<PyObject* (*)(PyObject*, PyObject*)>(o_forkpty)(module, none);
}
PyObject* fork_exec(PyObject* a, void* b, void* c, void* d) {
  const WithoutWatch alone;
  note_child();
  return reinterpret_cast<Call>(o_fork_exec)(a, b, c, d);
}
PyObject* spawn(PyObject* a, void* b, void* c, void* d) {
  note_child();
  return reinterpret_cast<Call>(o_spawn)(a, b, c, d);
}
PyObject* spawnp(PyObject* a, void* b, void* c, void* d) {
  note_child();
  return reinterpret_cast<Call>(o_spawnp)(a, b, c, d);
}

// Runs inside fork(): nothing may be allocated and no Python run.
void in_child() {
  if (!here()) return;
  const TaskId me = G.current();
  if (me >= 0) {
    G.fork_ident = G.task(me).ident;
    own_for_os_thread(G.task(me).ident_number);
    for (std::size_t i = 0; i < G.task_count; ++i)
      if (static_cast<TaskId>(i) != me) G.task(static_cast<TaskId>(i)).ended = true;
  }
  G.alive_workers = 0;
  G.forked = true;
  G.active = false;
  G.refresh_live();
}

// Waits, as a task, until the original need not. An error is for that to tell.
bool await_child(idtype_t type, id_t id, int events) {
  const Probe probe = [=] {
    siginfo_t info;
    info.si_pid = 0;
    return ::waitid(type, id, &info, events | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0 ? 1 : 0;
  };
  return await_probe(probe, Op::kGet, kForever) >= 0;
}

int events_of(long options) { return WEXITED | ((options & WUNTRACED) != 0 ? WSTOPPED : 0) | (options & WCONTINUED); }

bool await_number(long number, long options) {
  if ((options & WNOHANG) != 0) return true;
  if (number > 0) return await_child(P_PID, static_cast<id_t>(number), events_of(options));
  if (number == -1) return await_child(P_ALL, 0, events_of(options));
  return await_child(P_PGID, static_cast<id_t>(number == 0 ? ::getpgrp() : -number), events_of(options));
}

// What is no number is for the original to refuse.
bool read_numbers(PyObject* const* args, Py_ssize_t count, long (&numbers)[3]) {
  for (Py_ssize_t i = 0; i < count; ++i) numbers[i] = PyLong_AsLong(args[i]);
  if (!PyErr_Occurred()) return true;
  PyErr_Clear();
  return false;
}

bool before_wait(PyObject*, PyObject* const*, Py_ssize_t) { return !here() || await_number(-1, 0); }

bool before_wait3(PyObject*, PyObject* const* args, Py_ssize_t count) {
  long numbers[3];
  return !here() || count != 1 || !read_numbers(args, count, numbers) || await_number(-1, numbers[0]);
}

bool before_waitpid(PyObject*, PyObject* const* args, Py_ssize_t count) {
  long numbers[3];
  return !here() || count != 2 || !read_numbers(args, count, numbers) || await_number(numbers[0], numbers[1]);
}

bool before_waitid(PyObject*, PyObject* const* args, Py_ssize_t count) {
  long numbers[3];
  if (!here() || count != 3 || !read_numbers(args, count, numbers) || (numbers[2] & WNOHANG) != 0) return true;
  return await_child(static_cast<idtype_t>(numbers[0]), static_cast<id_t>(numbers[1]), static_cast<int>(numbers[2]) & ~WNOWAIT);
}

}  // namespace

bool install_processes() {
  static const bool watched = pthread_atfork(nullptr, note_child, in_child) == 0;
  PyObject* posix = PyImport_ImportModule("posix");
  PyObject* subprocess = posix ? PyImport_ImportModule("_posixsubprocess") : nullptr;
  if (subprocess == nullptr) return false;
#if PY_VERSION_HEX >= 0x030C0000
  constexpr int kForkExec = METH_FASTCALL;
#else
  constexpr int kForkExec = METH_VARARGS;
#endif
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = watched && swap_method(posix, "fork", METH_NOARGS, f(fork), &o_fork) &&
                  swap_method(posix, "forkpty", METH_NOARGS, f(forkpty), &o_forkpty) &&
                  swap_method(subprocess, "fork_exec", kForkExec, f(fork_exec), &o_fork_exec) &&
                  swap_method(posix, "posix_spawn", METH_FASTCALL | METH_KEYWORDS, f(spawn), &o_spawn) &&
                  swap_method(posix, "posix_spawnp", METH_FASTCALL | METH_KEYWORDS, f(spawnp), &o_spawnp) &&
                  swap_before<&o_wait, before_wait>(posix, "wait") && swap_before<&o_wait3, before_wait3>(posix, "wait3") &&
                  swap_before<&o_wait4, before_waitpid>(posix, "wait4") && swap_before<&o_waitid, before_waitid>(posix, "waitid") &&
                  swap_before<&o_waitpid, before_waitpid>(posix, "waitpid");
  Py_DECREF(posix);
  Py_DECREF(subprocess);
  return ok;
}

}  // namespace unblink
