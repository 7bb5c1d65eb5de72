#include "opaque.hpp"

#include <initializer_list>
#include <unordered_map>

#include "compat.hpp"

namespace unblink {
namespace {

struct Answer {
  unsigned int version;
  bool opaque;
};
std::unordered_map<PyTypeObject*, Answer> answers;

PyObject* instrumented_files() {
  static PyObject* files = PySet_New(nullptr);
  return files;
}

bool is_instrumented(PyObject* method) {
  if (!PyFunction_Check(method)) return false;
  auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(method));
  return PySet_Contains(instrumented_files(), code->co_filename) == 1;
}

PyObject* first_of(PyTypeObject* type, std::initializer_list<PyObject*> names) {
  for (PyObject* name : names)
    if (PyObject* found = compat::type_lookup(type, name)) return found;
  return nullptr;
}

bool decide(PyTypeObject* type) {
  constexpr unsigned long kImmutable = Py_TPFLAGS_TUPLE_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS | Py_TPFLAGS_LONG_SUBCLASS |
                                       Py_TPFLAGS_BYTES_SUBCLASS | Py_TPFLAGS_TYPE_SUBCLASS | Py_TPFLAGS_BASE_EXC_SUBCLASS;
  if ((type->tp_flags & kImmutable) != 0) return false;
  static PyObject* const setitem = PyUnicode_InternFromString("__setitem__");
  static PyObject* const delitem = PyUnicode_InternFromString("__delitem__");
  static PyObject* const add = PyUnicode_InternFromString("add");
  static PyObject* const append = PyUnicode_InternFromString("append");
  static PyObject* const getitem = PyUnicode_InternFromString("__getitem__");
  static PyObject* const contains = PyUnicode_InternFromString("__contains__");
  static PyObject* const len = PyUnicode_InternFromString("__len__");
  static PyObject* const write = PyUnicode_InternFromString("write");
  static PyObject* const writable = PyUnicode_InternFromString("writable");
  PyObject* writer = first_of(type, {setitem, delitem, add, append});
  if (writer != nullptr && first_of(type, {getitem, contains, len}) != nullptr) return !is_instrumented(writer);
  PyObject* stream = compat::type_lookup(type, writable) != nullptr ? compat::type_lookup(type, write) : nullptr;
  return stream != nullptr && !is_instrumented(stream);
}

}  // namespace

void note_instrumented_file(PyObject* filename) {
  if (PySet_Add(instrumented_files(), filename) < 0) PyErr_Clear();
  answers.clear();
}

bool is_opaque(PyTypeObject* type) {
  const unsigned int version = compat::type_version(type);
  const auto known = answers.find(type);
  if (known != answers.end() && known->second.version == version && version != 0) return known->second.opaque;
  const bool opaque = decide(type);
  answers[type] = {compat::type_version(type), opaque};
  return opaque;
}

}  // namespace unblink
