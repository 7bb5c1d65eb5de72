#include "sites.hpp"

#include "opaque.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace unblink {

std::vector<HookSite> sites(kImportSite + 1);  // 0: none; 1: the end of a task; 2: inside of an import

namespace {

constexpr int kMostFrames = 24;
enum Origin : std::uint8_t { kUnknown, kProgram, kLibrary, kImport };

FlatMap<std::uint8_t> origins(1024);   // by code object; each is kept alive, so an address is never used again
FlatMap<SiteId> call_sites(1024);      // by the chain of frames
std::vector<std::string> library_prefixes;

Origin classify(PyCodeObject* code) {
  const char* filename = PyUnicode_AsUTF8(code->co_filename);
  if (filename == nullptr) {
    PyErr_Clear();
    return kProgram;
  }
  if (std::strncmp(filename, "<frozen importlib", 17) == 0) return kImport;
  if (std::strncmp(filename, "<frozen", 7) == 0) return kLibrary;
  for (const std::string& prefix : library_prefixes) {
    if (std::strncmp(filename, prefix.c_str(), prefix.size()) != 0) continue;
    // Sources are read for tracebacks, and only the first time: that is no affair of the program's either.
    if (std::strcmp(filename + prefix.size(), "linecache.py") == 0) return kImport;
    if (std::strstr(filename + prefix.size(), "-packages/") == nullptr) return kLibrary;
  }
  return kProgram;
}

Origin origin_of(PyCodeObject* code) {
  std::uint8_t& origin = origins[key_of(code)];
  if (origin == kUnknown) {
    Py_INCREF(code);
    origin = classify(code);
  }
  return static_cast<Origin>(origin);
}

SiteId new_site(HookSite site) {
  const auto id = static_cast<SiteId>(sites.size());
  const bool counts = site.hooked || (!site.frames.empty() && origin_of(site.frames.back().first) == kProgram);
  sites.push_back(std::move(site));
  G.engine.new_site(id, counts);
  return id;
}

void tell_of(SiteId id) {
  if (G.site_observer == nullptr) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  {
    Inactive inactive;
    PyObject* result = PyObject_CallFunction(G.site_observer, "I", id);
    if (result == nullptr) PyErr_WriteUnraisable(G.site_observer);
    Py_XDECREF(result);
  }
  PyErr_Restore(type, value, traceback);
}

std::uint64_t mixed(std::uint64_t hash, PyCodeObject* code, int instruction) {
  hash = (hash ^ key_of(code) ^ (static_cast<std::uint64_t>(instruction) << 48)) * 0x9E3779B97F4A7C15ULL;
  return hash ^ (hash >> 29);
}

std::uint64_t first_hash(Op op) { return static_cast<std::uint64_t>(op) + 1; }

// The chain of frames of the call under way. Where an interpreter has several instructions for one call, the site
// that was made for another of them is the same.
SiteId make_call_site(Op op, PyThreadState* ts) {
  HookSite site;
  site.op = op;
  std::uint64_t hash = ~first_hash(op);
  for (compat::Frame* frame = compat::top_frame(ts); frame != nullptr; frame = frame->previous) {
    if (!compat::is_python(frame)) continue;
    PyCodeObject* code = compat::code_of(frame);
    const int instruction = compat::first_of_twins(code, compat::call_of(code, compat::instruction_of(frame)));
    hash = mixed(hash, code, instruction);
    site.frames.emplace_back(code, instruction);
    if (origin_of(code) == kProgram || site.frames.size() >= kMostFrames) break;
  }
  if (const SiteId* known = call_sites.find(hash)) return *known;
  for (const auto& frame : site.frames) Py_INCREF(frame.first);
  const SiteId id = new_site(std::move(site));
  call_sites[hash] = id;
  tell_of(id);
  return id;
}

}  // namespace

SiteId site_of_call(Op op) {
  PyThreadState* ts = G.thread_state;
  std::uint64_t hash = first_hash(op);
  int depth = 0;
  for (compat::Frame* frame = compat::top_frame(ts); frame != nullptr; frame = frame->previous) {
    if (!compat::is_python(frame)) continue;
    PyCodeObject* code = compat::code_of(frame);
    hash = mixed(hash, code, compat::instruction_of(frame));
    const Origin origin = origin_of(code);
    if (origin == kImport) return kImportSite;
    if (origin == kProgram || ++depth >= kMostFrames) break;
  }
  SiteId& id = call_sites[hash];
  if (id == kNoSite) {
    const SiteId made = make_call_site(op, ts);  // may run Python and so move the table
    call_sites[hash] = made;
    return made;
  }
  return id;
}

bool is_called_by_library(std::initializer_list<const char*> but_in) {
  const auto ends_with = [](PyObject* filename, const char* end) {
    Py_ssize_t size = 0;
    const char* name = PyUnicode_AsUTF8AndSize(filename, &size);
    if (name == nullptr) PyErr_Clear();
    const std::size_t length = std::strlen(end);
    return name != nullptr && static_cast<std::size_t>(size) > length && std::strcmp(name + size - length, end) == 0;
  };
  for (compat::Frame* frame = compat::top_frame(G.thread_state); frame != nullptr; frame = frame->previous) {
    if (!compat::is_python(frame)) continue;
    PyCodeObject* code = compat::code_of(frame);
    const bool passes_on = std::any_of(but_in.begin(), but_in.end(), [&](const char* end) { return ends_with(code->co_filename, end); });
    if (!passes_on) return origin_of(code) != kProgram;
  }
  return false;
}

SiteId site_of_coroutine(Op op, PyObject* coroutine, int* depth) {
  static PyObject* awaited = PyUnicode_InternFromString("cr_await");
  PyCodeObject* code = nullptr;
  int instruction = 0;
  PyObject* at = Py_NewRef(coroutine);
  while (at != nullptr && PyCoro_CheckExact(at)) {
    compat::Frame* frame = compat::frame_of(reinterpret_cast<PyCoroObject*>(at));
    if (frame != nullptr && origin_of(compat::code_of(frame)) == kProgram) {  // which keeps the code alive
      code = compat::code_of(frame);
      if (depth != nullptr) *depth = key_of(code) == G.test_code ? 0 : *depth + 1;
      instruction = std::max(compat::instruction_of(frame), 0);
    }
    Py_SETREF(at, PyObject_GetAttr(at, awaited));
  }
  Py_XDECREF(at);
  PyErr_Clear();
  if (code == nullptr) return kNoSite;
  const std::uint64_t hash = ~mixed(first_hash(op), code, instruction);
  const SiteId* known = call_sites.find(hash);
  if (known != nullptr) return *known;
  HookSite site;
  site.op = op;
  site.frames.emplace_back(reinterpret_cast<PyCodeObject*>(Py_NewRef(code)), instruction);
  const SiteId id = new_site(std::move(site));
  call_sites[hash] = id;
  tell_of(id);
  return id;
}

// Methods that add to a container, or take from it, in one indivisible step: what programs use instead of a lock.
bool is_indivisible(PyObject* name) {
  for (const char* known : {"append", "appendleft", "add", "extend", "extendleft", "pop", "popleft", "popitem", "setdefault", "discard", "remove"})
    if (PyUnicode_CompareWithASCIIString(name, known) == 0) return true;
  return false;
}

// register_sites(filename, [(place, access, name, line, column, end_column, function, flags), ...]) -> first number
PyObject* register_sites(PyObject*, PyObject* args) {
  PyObject *filename, *rows;
  if (!PyArg_ParseTuple(args, "UO:register_sites", &filename, &rows)) return nullptr;
  PyObject* list = PySequence_Fast(rows, "sites must be a sequence");
  if (list == nullptr) return nullptr;
  const auto base = sites.size();
  note_instrumented_file(filename);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); ++i) {
    int place, access, flags;
    HookSite site;
    PyObject* name;
    if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(list, i), "iiOiiiUi:site", &place, &access, &name, &site.line, &site.column,
                          &site.end_column, &site.function, &flags)) {
      Py_DECREF(list);
      return nullptr;
    }
    site.place = static_cast<Place>(place);
    site.access = static_cast<Effect>(access);
    site.flags = static_cast<std::uint16_t>(flags);
    site.hooked = true;
    site.filename = Py_NewRef(filename);
    Py_INCREF(site.function);
    if (name != Py_None) {
      site.name = Py_NewRef(name);
      PyUnicode_InternInPlace(&site.name);
    }
    const bool indivisible = (site.flags & flag::kMethod) && site.name != nullptr && is_indivisible(site.name);
    const SiteId id = new_site(std::move(site));
    if (indivisible) G.engine.make_indivisible(id);
    tell_of(id);
  }
  Py_DECREF(list);
  return PyLong_FromSize_t(base);
}

// (filename, line, column, end_column, function, place, access, name, flags) of a hook's site, or
// (operation, ((code, instruction), ...)) of a call's.
PyObject* site_info(PyObject*, PyObject* number) {
  const std::size_t id = PyLong_AsSize_t(number);
  if (PyErr_Occurred()) return nullptr;
  if (id >= sites.size()) {
    PyErr_SetString(PyExc_IndexError, "no such site");
    return nullptr;
  }
  const HookSite& site = sites[id];
  if (site.hooked)
    return Py_BuildValue("(OiiiOiiOi)", site.filename, site.line, site.column, site.end_column, site.function,
                         static_cast<int>(site.place), static_cast<int>(site.access), site.name ? site.name : Py_None, site.flags);
  PyObject* frames = PyTuple_New(static_cast<Py_ssize_t>(site.frames.size()));
  if (frames == nullptr) return nullptr;
  for (std::size_t i = 0; i < site.frames.size(); ++i) {
    PyObject* row = Py_BuildValue("(Oi)", site.frames[i].first, site.frames[i].second);
    if (row == nullptr) {
      Py_DECREF(frames);
      return nullptr;
    }
    PyTuple_SET_ITEM(frames, static_cast<Py_ssize_t>(i), row);
  }
  return Py_BuildValue("(iN)", static_cast<int>(site.op), frames);
}

PyObject* site_count(PyObject*, PyObject*) { return PyLong_FromSize_t(sites.size()); }

// Directories whose code is the library's and not the program's. Known code is looked at afresh.
PyObject* set_library_prefixes(PyObject*, PyObject* prefixes) {
  PyObject* list = PySequence_Fast(prefixes, "prefixes must be a sequence");
  if (list == nullptr) return nullptr;
  library_prefixes.clear();
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); ++i) {
    const char* text = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(list, i));
    if (text == nullptr) {
      Py_DECREF(list);
      return nullptr;
    }
    library_prefixes.emplace_back(text);
  }
  Py_DECREF(list);
  origins.clear();
  Py_RETURN_NONE;
}

}  // namespace unblink
