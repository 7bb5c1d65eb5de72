// The cyclic garbage collector during an exploration. What was there before it is no garbage of its executions, and where it is
// large, looking at it takes longer than they do; in forked executions, each look copies its pages, too. So it is set aside (as by
// gc.freeze()) for as long as nobody asks the collector for anything: it comes back before the program does.
#include "garbage.hpp"

#include "swap_before.hpp"

namespace unblink {
namespace {

constexpr long kMostImmortal = 2000;  // 3.12 keeps them with the frozen; an empty interpreter has 5,000 other objects

bool is_set_aside = false;
PyObject* module = nullptr;
void *o_collect, *o_get_objects, *o_get_referrers, *o_get_freeze_count, *o_freeze, *o_unfreeze;

bool find_module() {
  if (module == nullptr) module = PyImport_ImportModule("gc");
  return module != nullptr;
}

bool call(const char* name) {
  PyObject* result = PyObject_CallMethod(module, name, nullptr);
  Py_XDECREF(result);
  return result != nullptr;
}

bool before_asking(PyObject*, PyObject* const*, Py_ssize_t) {
  if (!is_set_aside) return true;
  is_set_aside = false;
  return call("unfreeze");
}

}  // namespace

PyObject* set_heap_aside(PyObject*, PyObject*) {
  if (is_set_aside) Py_RETURN_NONE;
  if (!find_module()) return nullptr;
  PyObject* frozen = PyObject_CallMethod(module, "get_freeze_count", nullptr);
  // What a program has frozen would come back with the rest. It then froze all there was.
  const bool is_free = frozen != nullptr && PyLong_AsLong(frozen) < kMostImmortal;
  Py_XDECREF(frozen);
  if (PyErr_Occurred() || (is_free && !call("freeze"))) return nullptr;
  is_set_aside = is_free;
  Py_RETURN_NONE;
}

PyObject* give_heap_back(PyObject*, PyObject*) {
  if (!before_asking(nullptr, nullptr, 0)) return nullptr;
  Py_RETURN_NONE;
}

PyObject* collect_garbage(PyObject*, PyObject*) {
  if (!find_module()) return nullptr;
  const bool was_aside = is_set_aside;
  is_set_aside = false;
  const bool ok = call("collect");
  is_set_aside = was_aside;
  if (!ok) return nullptr;
  Py_RETURN_NONE;
}

bool install_garbage() {
  return find_module() && swap_before<&o_collect, before_asking>(module, "collect") &&
         swap_before<&o_get_objects, before_asking>(module, "get_objects") &&
         swap_before<&o_get_referrers, before_asking>(module, "get_referrers") &&
         swap_before<&o_get_freeze_count, before_asking>(module, "get_freeze_count") &&
         swap_before<&o_freeze, before_asking>(module, "freeze") && swap_before<&o_unfreeze, before_asking>(module, "unfreeze");
}

}  // namespace unblink
