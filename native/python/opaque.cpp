#include "opaque.hpp"

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

bool decide(PyTypeObject* type) {
  constexpr unsigned long kImmutable = Py_TPFLAGS_TUPLE_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS | Py_TPFLAGS_LONG_SUBCLASS |
                                       Py_TPFLAGS_BYTES_SUBCLASS | Py_TPFLAGS_TYPE_SUBCLASS | Py_TPFLAGS_BASE_EXC_SUBCLASS;
  if ((type->tp_flags & kImmutable) != 0) return false;
  static PyObject* const changing[] = {PyUnicode_InternFromString("__setitem__"), PyUnicode_InternFromString("__delitem__"),
                                       PyUnicode_InternFromString("add"), PyUnicode_InternFromString("append")};
  static PyObject* const reading[] = {PyUnicode_InternFromString("__getitem__"), PyUnicode_InternFromString("__contains__"),
                                      PyUnicode_InternFromString("__len__")};
  PyObject *writer = nullptr, *reader = nullptr;
  for (PyObject* name : changing)
    if (writer == nullptr) writer = compat::type_lookup(type, name);
  for (PyObject* name : reading)
    if (reader == nullptr) reader = compat::type_lookup(type, name);
  return writer != nullptr && reader != nullptr && !is_instrumented(writer);
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
