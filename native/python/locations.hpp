// Locations: what an access is to, as a key of the engine.
#pragma once
#include "compat.hpp"
#include "ground.hpp"

namespace unblink {

inline Key mix(Key a, Key b) {
  Key h = a * 0x9E3779B97F4A7C15ULL ^ (b + 0x7F4A7C15ULL) * 0xC2B2AE3D27D4EB4FULL;
  return ((h ^ (h >> 31)) & ~kUntold) | 1;
}
inline Key whole_of(PyObject* container) { return mix(key_of(container), 0x77686f6c65ULL); }
inline Key opaque_of(PyObject* container) { return whole_of(container) | kUntold; }
inline Key attribute_of(const void* object, PyObject* name) { return mix(key_of(object), key_of(name)); }

enum class Container : std::uint8_t { kNone, kKeyed, kIndexed };

// The object behind a view is what is shared.
inline PyObject* behind_view(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (type == &PyDictKeys_Type || type == &PyDictItems_Type || type == &PyDictValues_Type)
    return reinterpret_cast<compat::DictView*>(object)->dict;
  return object;
}

// A key's identity without running any of the program's code; false if there is none to be had.
inline bool identity_of(PyObject* key, Key& identity, int depth = 0) {
  PyTypeObject* type = Py_TYPE(key);
  if (type == &PyUnicode_Type || type == &PyLong_Type || type == &PyBytes_Type || type == &PyFloat_Type || type == &PyBool_Type || key == Py_None) {
    identity = static_cast<Key>(PyObject_Hash(key));
    return true;
  }
  if (type == &PyTuple_Type && depth < 3) {
    identity = 0x7475706c65ULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) {
      Key part;
      if (!identity_of(PyTuple_GET_ITEM(key, i), part, depth + 1)) return false;
      identity = mix(identity, part);
    }
    return true;
  }
  if (type->tp_hash == PyBaseObject_Type.tp_hash) {
    identity = key_of(key);
    return true;
  }
  return false;
}

inline bool item_of(PyObject* container, Container kind, PyObject* key, Key& location) {
  if (kind == Container::kIndexed) {
    if (!PyLong_CheckExact(key)) return false;
    Py_ssize_t index = PyLong_AsSsize_t(key);
    if (index == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    if (index < 0) index += Py_SIZE(container);
    location = mix(key_of(container), static_cast<Key>(index) + 1);
    return true;
  }
  Key identity;
  if (!identity_of(key, identity)) return false;
  location = mix(key_of(container), identity ^ 0x6974656dULL);
  return true;
}

}  // namespace unblink
