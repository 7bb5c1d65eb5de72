// Threads and futures are hashed by the order in which an execution first hashes them. By their address, as objects are, a set
// of them would be walked in another order in each execution: a pool joins its threads, and `as_completed` yields its
// futures, in the order of a set.
//
// Invariant: an object's hash never changes while it lives. What was hashed outside of executions keeps its address for a
// hash, so no set of before is disturbed; what got a number keeps it until it is freed.
#include <unordered_map>
#include <vector>

#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

std::vector<PyTypeObject*> ordered;  // owned
std::unordered_map<PyObject*, Py_hash_t> hashes;

Py_hash_t address_of(PyObject* object) { return PyBaseObject_Type.tp_hash(object); }

void bury(void* object) {
  hashes.erase(static_cast<PyObject*>(object));
  PyObject_GC_Del(object);
}

Py_hash_t by_birth(PyObject* object);

// Whether objects of the class are ours to number. A class with a way of its own to hash or to free is left alone.
bool order(PyTypeObject* type) {
  if (type->tp_free == bury) return true;
  if (type->tp_free != PyObject_GC_Del || (type->tp_hash != PyBaseObject_Type.tp_hash && type->tp_hash != by_birth)) return false;
  ordered.push_back(reinterpret_cast<PyTypeObject*>(Py_NewRef(type)));
  type->tp_hash = by_birth;
  type->tp_free = bury;
  return true;
}

Py_hash_t by_birth(PyObject* object) {
  const auto found = hashes.find(object);
  if (found != hashes.end()) return found->second;
  if (!order(Py_TYPE(object))) return address_of(object);  // a class that was made of an ordered one later
  return hashes[object] = here() ? ++G.births : address_of(object);
}

}  // namespace

// order_by_birth(class, objects): the class and those made of it; `objects` were hashed already
PyObject* order_by_birth(PyObject*, PyObject* args) {
  PyObject *type, *known, *below;
  if (!PyArg_ParseTuple(args, "O!O!:order_by_birth", &PyType_Type, &type, &PyList_Type, &known)) return nullptr;
  if (!order(reinterpret_cast<PyTypeObject*>(type))) Py_RETURN_NONE;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(known); ++i) hashes[PyList_GET_ITEM(known, i)] = address_of(PyList_GET_ITEM(known, i));
  below = PyObject_CallMethod(type, "__subclasses__", nullptr);
  if (below == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(below); ++i) order(reinterpret_cast<PyTypeObject*>(PyList_GET_ITEM(below, i)));
  Py_DECREF(below);
  Py_RETURN_NONE;
}

// When the ground is given back: not before the last object is gone that has a number for a hash.
void forget_births() {
  for (const auto& [object, hash] : hashes)
    if (hash != address_of(object)) return;
  hashes.clear();
  for (PyTypeObject* type : ordered) {
    type->tp_hash = PyBaseObject_Type.tp_hash;
    type->tp_free = PyObject_GC_Del;
    Py_DECREF(type);
  }
  ordered.clear();
}

}  // namespace unblink
