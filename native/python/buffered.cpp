// Buffered files (io.BufferedReader, BufferedWriter, BufferedRandom) have a lock of their own, in C, which knows its owner by
// the OS thread: while one waits there for a pipe or a socket, another thread waits for the lock, and the same thread is refused
// ("reentrant call inside"). All tasks are one OS thread; so who comes while another task is inside waits here, before the call. It
// orders nothing that a program could count on: who was first at a file says nothing of what else was done.
#include "buffered.hpp"

#include <utility>
#include <vector>

#include "locations.hpp"
#include "swap_before.hpp"

namespace unblink {
namespace {

struct Inside {
  PyObject* file;  // borrowed: its method is being called
  TaskId task;
  int depth;
};
std::vector<Inside> inside;  // nearly always one or none

Inside* find(PyObject* file) {
  for (Inside& one : inside)
    if (one.file == file) return &one;
  return nullptr;
}

Key key_of_file(PyObject* file) { return (mix(key_of(file), 0x6275666665724BULL) | kUntold) & ~1ULL; }

bool enter(PyObject* file) {
  if (!here() || !points_on() || G.unwinding) return true;
  for (;;) {
    Inside* known = find(file);
    if (known == nullptr) break;
    if (known->task == G.current()) {
      ++known->depth;
      return true;
    }
    if (!go(G.engine.wait(Op::kAcquire, site_of_call(Op::kAcquire), key_of_file(file), kForever))) return false;
  }
  inside.push_back({file, G.current(), 1});
  return true;
}

void leave(PyObject* file) {
  if (inside.empty()) return;
  Inside* known = find(file);
  if (known == nullptr || known->task != G.current() || --known->depth > 0) return;
  *known = inside.back();
  inside.pop_back();
  if (here()) G.engine.signal(key_of_file(file));
}

bool before_method(PyObject* self, PyObject* const*, Py_ssize_t) { return enter(self); }

constexpr const char* kMethods[] = {"read",  "read1", "peek", "readinto", "readinto1", "readline", "write",
                                    "flush", "close", "seek", "tell",     "truncate",  "detach"};
constexpr std::size_t kCount = sizeof(kMethods) / sizeof(*kMethods);

template <int Type, std::size_t Method>
void* o_method;
template <int Type>
iternextfunc o_next;

template <int Type>
PyObject* next_line(PyObject* self) {
  if (!enter(self)) return nullptr;
  PyObject* line = o_next<Type>(self);
  leave(self);
  return line;
}

bool has(PyObject* type, const char* name) {
  PyObject* own = PyObject_GetAttrString(type, "__dict__");
  const bool found = own != nullptr && PyMapping_HasKeyString(own, name) == 1;
  Py_XDECREF(own);
  return found;
}

template <int Type, std::size_t... Method>
bool install_methods(PyObject* type, std::index_sequence<Method...>) {
  return ((!has(type, kMethods[Method]) || swap_before<&o_method<Type, Method>, before_method, leave>(type, kMethods[Method])) && ...);
}

template <int Type>
bool install_type(PyObject* io, const char* name) {
  PyObject* type = PyObject_GetAttrString(io, name);
  if (type == nullptr) return false;
  iternextfunc& next = reinterpret_cast<PyTypeObject*>(type)->tp_iternext;
  if (next != nullptr)
    swap_pointer(reinterpret_cast<void**>(&next), reinterpret_cast<void*>(next_line<Type>), reinterpret_cast<void**>(&o_next<Type>));
  const bool ok = install_methods<Type>(type, std::make_index_sequence<kCount>());
  Py_DECREF(type);
  return ok;
}

}  // namespace

void forget_buffered() { inside.clear(); }

bool install_buffered() {
  PyObject* io = PyImport_ImportModule("_io");
  if (io == nullptr) return false;
  const bool ok = install_type<0>(io, "BufferedReader") && install_type<1>(io, "BufferedWriter") && install_type<2>(io, "BufferedRandom");
  Py_DECREF(io);
  return ok;
}

}  // namespace unblink
