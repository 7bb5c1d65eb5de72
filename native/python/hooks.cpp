// The hooks that instrumented code calls: see instrument/protocol.py, which is the agreement.
//
// With no execution that has a second task, a hook hands its argument through and does nothing else. Otherwise it
// finds the location, makes a scheduling point of it if the site is known to race (is hot), and enters the access
// into the shadow, where racing sites are learned.
#include "hooks.hpp"

#include <algorithm>
#include <unordered_map>

#include "locations.hpp"
#include "opaque.hpp"
#include "sites.hpp"

namespace unblink {
namespace {

PyTypeObject* known_types[5];  // deque, OrderedDict, defaultdict, Counter
struct MethodEffect {
  Place place;
  Effect access;
};
std::unordered_map<PyTypeObject*, std::unordered_map<PyObject*, MethodEffect>> effects;
std::unordered_map<PyObject*, Effect> effects_by_name;  // of any of them: the strongest

Container container_of(PyTypeObject* type) {
  if (type == &PyDict_Type || type == &PySet_Type) return Container::kKeyed;
  if (type == &PyList_Type || type == &PyByteArray_Type || type == known_types[0]) return Container::kIndexed;
  if (type == known_types[1] || type == known_types[2] || type == known_types[3]) return Container::kKeyed;
  return Container::kNone;
}

// ---------------------------------------------------------------- performing an operation

Op operation_of(Effect access) {
  return access == Effect::kRead ? Op::kRead : access == Effect::kWrite ? Op::kWrite : Op::kUpdate;
}

inline void enter(SiteId id, Effect access, Key location, Key whole) {
  const bool writes = access != Effect::kRead;
  G.engine.access(location, id, writes, false);
  if (whole != kNoKey) G.engine.access(whole, id, writes, true);
}

[[gnu::noinline]] bool perform_at_point(SiteId id, Effect access, Key location, Key whole, PyObject* object, PyObject* detail) {
  if (!G.engine.is_hot(id)) {
    if (is_spinning() && !rest()) return false;
    enter(id, access, location, whole);
    if (G.observer != nullptr) observe(operation_of(access), id, object, detail);
    return true;
  }
  if (!go(G.engine.point(operation_of(access), id, location))) return false;
  if (whole != kNoKey) G.engine.comes_to(whole, operation_of(access));
  enter(id, access, location, whole);
  if (G.observer != nullptr) observe(operation_of(access), id, object, detail);
  return true;
}

inline bool perform(SiteId id, Effect access, Key location, Key whole, PyObject* object, PyObject* detail) {
  if (G.engine.is_hot(id) || G.engine.since_point() > kTooMuch || G.observer != nullptr) [[unlikely]]
    return perform_at_point(id, access, location, whole, object, detail);
  enter(id, access, location, whole);
  return true;
}

PyTypeObject* local_type;  // threading.local

enum Verdict : std::uint8_t { kSkip = 1, kInstance, kClassToo, kOfClass, kSkipOfClass };

bool is_special(PyObject* name) {
  const Py_ssize_t n = PyUnicode_GET_LENGTH(name);
  return n > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_' &&
         PyUnicode_READ_CHAR(name, n - 1) == '_' && PyUnicode_READ_CHAR(name, n - 2) == '_';
}

bool looks_up_by_itself(PyTypeObject* type) {
  static PyObject* name = PyUnicode_InternFromString("__getattribute__");
  return type->tp_getattro != PyObject_GenericGetAttr && !PyType_IsSubtype(type, &PyModule_Type) &&
         compat::type_lookup(type, name) != compat::type_lookup(&PyBaseObject_Type, name);
}

// What an attribute of that name is on instances of the type: a place in the instance, something of the class, or
// no location at all (a method, a property: what those touch has hooks of its own).
Verdict classify(PyTypeObject* type, PyObject* name, bool reads) {
  if (is_special(name)) return kSkip;
  if (PyType_IsSubtype(type, local_type)) return kSkip;  // each task has its own
  if (type->tp_setattro != PyObject_GenericSetAttr || looks_up_by_itself(type)) return kSkip;  // what its methods touch has hooks of its own
  PyObject* found = compat::type_lookup(type, name);
  if (found == nullptr) return kInstance;
  PyTypeObject* kind = Py_TYPE(found);
  if (kind->tp_descr_set != nullptr) return kind == &PyMemberDescr_Type ? kInstance : kSkip;
  if (!reads) return kInstance;
  return kind->tp_descr_get != nullptr ? kSkip : kClassToo;
}

PyObject* owner_in_mro(PyTypeObject* type, PyObject* name) {
  PyObject* mro = type->tp_mro;
  for (Py_ssize_t i = 0; mro != nullptr && i < PyTuple_GET_SIZE(mro); ++i) {
    PyObject* base = PyTuple_GET_ITEM(mro, i);
    PyObject* dict = PyType_Check(base) ? reinterpret_cast<PyTypeObject*>(base)->tp_dict : nullptr;
    if (dict != nullptr && PyDict_Contains(dict, name) == 1) return base;
  }
  return reinterpret_cast<PyObject*>(type);
}

bool is_known(const HookSite& site, PyTypeObject* type) {
  return site.type == type && site.type_version == compat::type_version(type);
}

void keep_verdict(HookSite& site, PyTypeObject* type, Verdict verdict, PyObject* owner) {
  site.verdict = verdict;
  site.owner = owner;
  site.type_version = compat::type_version(type);
  site.type = site.type_version != 0 ? type : nullptr;
}

// A class as the receiver. What is learned is kept under the class itself, which is never the type of an instance
// at the same time as its verdict is of a class: `attribute` tells the two apart before it looks.
Verdict classify_of_class(PyTypeObject* cls, PyObject* name, bool reads, PyObject*& owner) {
  owner = reinterpret_cast<PyObject*>(cls);
  if (is_special(name)) return kSkip;
  PyObject* found = compat::type_lookup(cls, name);
  if (!reads) return kOfClass;
  if (found == nullptr || Py_TYPE(found)->tp_descr_get != nullptr) return kSkip;
  owner = owner_in_mro(cls, name);
  return kOfClass;
}

[[gnu::noinline]] bool attribute_of_class(PyObject* object, SiteId id, Effect access) {
  HookSite& site = sites[id];
  auto* cls = reinterpret_cast<PyTypeObject*>(object);
  const bool reads = access == Effect::kRead;
  PyObject* owner = site.owner;
  Verdict verdict = static_cast<Verdict>(site.verdict);
  if (!is_known(site, cls) || verdict < kOfClass) {
    verdict = classify_of_class(cls, site.name, reads, owner);
    if (verdict == kSkip) verdict = kSkipOfClass;
    keep_verdict(site, cls, verdict, owner);
  }
  if (verdict == kSkipOfClass) return true;
  return perform(id, access, attribute_of(owner, site.name), kNoKey, owner, site.name);
}

[[gnu::noinline]] bool attribute_anew(PyObject* object, SiteId id, Effect access) {
  if (PyType_Check(object)) return attribute_of_class(object, id, access);
  HookSite& site = sites[id];
  PyTypeObject* type = Py_TYPE(object);
  PyObject* owner = site.owner;
  Verdict verdict = static_cast<Verdict>(site.verdict);
  if (!is_known(site, type) || verdict > kClassToo) {
    verdict = classify(type, site.name, access == Effect::kRead);
    owner = verdict == kClassToo ? owner_in_mro(type, site.name) : nullptr;
    keep_verdict(site, type, verdict, owner);
  }
  if (verdict == kSkip) return true;
  if (verdict == kClassToo) G.engine.access(attribute_of(owner, site.name), id, false, false);
  return perform(id, access, attribute_of(object, site.name), kNoKey, object, site.name);
}

inline bool attribute(PyObject* object, SiteId id, Effect access) {
  const HookSite& site = sites[id];
  if (is_known(site, Py_TYPE(object))) [[likely]] {
    if (site.verdict == kInstance) return perform(id, access, attribute_of(object, site.name), kNoKey, object, site.name);
    if (site.verdict == kSkip) return true;
  }
  return attribute_anew(object, id, access);
}

bool on_container(PyObject* object, Container kind, SiteId id, Place place, Effect access, PyObject* key) {
  Key location;
  if (place == Place::kItem && key != nullptr && item_of(object, kind, key, location)) {
    // A subscript of a defaultdict inserts what is missing.
    if (access == Effect::kRead && sites[id].name == nullptr && Py_TYPE(object) == known_types[2] && PyDict_Contains(object, key) == 0)
      access = Effect::kUpdate;
    return perform(id, access, location, whole_of(object), object, key);
  }
  return perform(id, access, whole_of(object), kNoKey, object, nullptr);
}

bool on_opaque(PyObject* object, SiteId id) {
  Effect access = sites[id].access;
  if (sites[id].flags & flag::kMethod) {
    const auto found = effects_by_name.find(sites[id].name);
    if (found == effects_by_name.end()) return true;
    access = found->second;
  }
  return perform(id, access, opaque_of(object), kNoKey, object, nullptr);
}

// Both ends of a deque, its length and whether it is empty may be used by several threads, as its documentation says: whoever
// takes from it sees what was done before that was put in.
bool is_channel_use(const HookSite& site) {
  static PyObject* const names[] = {PyUnicode_InternFromString("append"), PyUnicode_InternFromString("appendleft"),
                                    PyUnicode_InternFromString("pop"), PyUnicode_InternFromString("popleft")};
  if (site.flags & flag::kMethod) return std::find(std::begin(names), std::end(names), site.name) != std::end(names);
  return site.name != nullptr && site.access == Effect::kRead &&
         (PyUnicode_CompareWithASCIIString(site.name, "len") == 0 || PyUnicode_CompareWithASCIIString(site.name, "bool") == 0);
}

[[gnu::noinline]] void note_deque(SiteId id) {
  HookSite& site = sites[id];
  site.flags |= flag::kSeenDeque;
  if (!is_channel_use(site)) return;
  G.engine.make_synchronising(id);
  if (site.flags & flag::kMethod) G.engine.make_indivisible(id);
}

// The operation of site `id` on `object`, by place and by the receiver's exact type.
bool operate(PyObject* object, SiteId id, PyObject* key) {
  const HookSite& site = sites[id];
  if (site.place == Place::kAttribute) return attribute(object, id, site.access);
  PyObject* target = behind_view(object);
  const Container kind = container_of(Py_TYPE(target));
  if (Py_TYPE(target) == known_types[0] && !(site.flags & flag::kSeenDeque)) [[unlikely]] note_deque(id);
  if (kind == Container::kNone && is_opaque(Py_TYPE(target))) return on_opaque(target, id);
  if (site.flags & flag::kMethod) {
    const auto table = effects.find(Py_TYPE(target));
    if (kind == Container::kNone || table == effects.end()) return attribute(object, id, Effect::kRead);
    const auto found = table->second.find(site.name);
    if (found == table->second.end()) return true;
    return on_container(target, kind, id, found->second.place, found->second.access, key);
  }
  if (kind == Container::kNone) return true;
  return on_container(target, kind, id, site.place, site.access, key);
}

// ---------------------------------------------------------------- operands that wait

void* frame_identity() { return compat::top_frame(G.thread_state); }

void push_operand(SiteId id, PyObject* object, PyObject* key) {
  G.me().operands.push_back({id, frame_identity(), Py_NewRef(object), Py_XNewRef(key)});
}

bool pop_operand(SiteId id, PendingOperand& found) {
  auto& operands = G.me().operands;
  void* frame = frame_identity();
  for (std::size_t i = operands.size(); i-- > 0;) {
    if (operands[i].site != id || operands[i].frame != frame) continue;
    found = operands[i];
    std::vector<PendingOperand> kept;
    for (std::size_t j = i + 1; j < operands.size(); ++j) {
      if (sites[operands[j].site].flags & flag::kSuspends) {
        kept.push_back(operands[j]);
      } else {
        Py_DECREF(operands[j].object);
        Py_XDECREF(operands[j].key);
      }
    }
    operands.resize(i);
    operands.insert(operands.end(), kept.begin(), kept.end());
    return true;
  }
  return false;
}

bool opens_pair(SiteId id) { return sites[id].flags & flag::kOpensPair; }

// ---------------------------------------------------------------- the ten hooks

inline bool idle() { return !G.live || compat::thread_state() != G.thread_state; }
inline SiteId site_number(PyObject* number) { return compat::small_int(number); }
inline PyObject* handed(PyObject* object, bool ok) { return ok ? Py_NewRef(object) : nullptr; }

PyObject* hook_r(PyObject*, PyObject* const* args, Py_ssize_t) {
  if (idle()) return Py_NewRef(args[0]);
  const SiteId id = site_number(args[1]);
  const bool ok = attribute(args[0], id, Effect::kRead);
  if (ok && opens_pair(id)) push_operand(id + 1, args[0], nullptr);
  return handed(args[0], ok);
}

PyObject* hook_w(PyObject*, PyObject* const* args, Py_ssize_t) {
  if (idle()) return Py_NewRef(args[0]);
  return handed(args[0], attribute(args[0], site_number(args[1]), Effect::kWrite));
}

PyObject* hook_k(PyObject*, PyObject* const* args, Py_ssize_t) {
  if (idle()) return Py_NewRef(args[0]);
  const SiteId id = site_number(args[1]);
  const bool ok = operate(args[2], id, args[0]);
  if (ok && opens_pair(id)) push_operand(id + 1, args[2], args[0]);
  return handed(args[0], ok);
}

PyObject* hook_m(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (idle()) return Py_NewRef(args[0]);
  const SiteId id = site_number(args[1]);
  PyObject* key = count > 2 ? args[2] : nullptr;
  const bool ok = operate(args[0], id, key);
  if (ok && opens_pair(id)) push_operand(id + 1, args[0], key);
  return handed(args[0], ok);
}

PyObject* hook_a(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (idle()) return Py_NewRef(args[0]);
  const SiteId id = site_number(args[1]);
  // For a keyed method whose last argument is its only one, the value is the key.
  PyObject* key = count > 3 ? args[3] : nullptr;
  return handed(args[0], operate(args[2], id, key));
}

PyObject* hook_p(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!idle()) push_operand(site_number(args[1]), args[0], count > 2 ? args[2] : nullptr);
  return Py_NewRef(args[0]);
}

PyObject* hook_q(PyObject*, PyObject* const* args, Py_ssize_t) {
  if (idle()) return Py_NewRef(args[0]);
  const SiteId id = site_number(args[1]);
  PendingOperand operand;
  if (!pop_operand(id, operand)) return Py_NewRef(args[0]);
  PyObject* key = operand.key != nullptr ? operand.key : sites[id].place == Place::kItem ? args[0] : nullptr;
  const bool ok = operate(operand.object, id, key);
  if (ok && opens_pair(id)) push_operand(id + 1, operand.object, key);
  Py_DECREF(operand.object);
  Py_XDECREF(operand.key);
  return handed(args[0], ok);
}

bool variable(SiteId id, PyObject* cell) {
  const HookSite& site = sites[id];
  const void* scope = site.filename;
  if (cell != nullptr && PyFunction_Check(cell)) {
    PyObject* closure = PyFunction_GET_CLOSURE(cell);
    if (closure != nullptr && PyTuple_GET_SIZE(closure) > 0) scope = PyTuple_GET_ITEM(closure, 0);
  }
  return perform(id, site.access, attribute_of(scope, site.name), kNoKey, cell ? cell : site.filename, site.name);
}

PyObject* hook_g(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (idle()) Py_RETURN_NONE;
  return handed(Py_None, variable(site_number(args[0]), count > 1 ? args[1] : nullptr));
}

PyObject* hook_s(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (idle()) return Py_NewRef(args[0]);
  return handed(args[0], variable(site_number(args[1]), count > 2 ? args[2] : nullptr));
}

// ---- iteration: a read before each step

struct Steps {
  PyObject_HEAD
  PyObject* iterator;
  PyObject* container;
  SiteId site;
};

int steps_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<Steps*>(self)->iterator);
  Py_VISIT(reinterpret_cast<Steps*>(self)->container);
  return 0;
}

void steps_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_XDECREF(reinterpret_cast<Steps*>(self)->iterator);
  Py_XDECREF(reinterpret_cast<Steps*>(self)->container);
  PyObject_GC_Del(self);
}

PyObject* steps_next(PyObject* self) {
  auto* steps = reinterpret_cast<Steps*>(self);
  if (!idle() && !perform(steps->site, Effect::kRead, whole_of(steps->container), kNoKey, steps->container, nullptr)) return nullptr;
  return Py_TYPE(steps->iterator)->tp_iternext(steps->iterator);
}

PyTypeObject steps_type{};

PyObject* hook_i(PyObject*, PyObject* const* args, Py_ssize_t) {
  if (idle()) return Py_NewRef(args[0]);
  PyObject* container = behind_view(args[0]);
  if (container_of(Py_TYPE(container)) == Container::kNone) return Py_NewRef(args[0]);
  const SiteId id = site_number(args[1]);
  if (!G.engine.is_hot(id)) return handed(args[0], perform(id, Effect::kRead, whole_of(container), kNoKey, container, nullptr));
  PyObject* iterator = PyObject_GetIter(args[0]);
  if (iterator == nullptr) return nullptr;
  auto* steps = PyObject_GC_New(Steps, &steps_type);
  if (steps == nullptr) {
    Py_DECREF(iterator);
    return nullptr;
  }
  steps->iterator = iterator;
  steps->container = Py_NewRef(container);
  steps->site = id;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(steps));
  return reinterpret_cast<PyObject*>(steps);
}

template <class F>
PyMethodDef hook(const char* name, F function) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function)), METH_FASTCALL, nullptr};
}

}  // namespace

PyMethodDef hook_definitions[] = {
    hook("__unblink_r__", hook_r), hook("__unblink_w__", hook_w), hook("__unblink_k__", hook_k),
    hook("__unblink_m__", hook_m), hook("__unblink_a__", hook_a), hook("__unblink_p__", hook_p),
    hook("__unblink_q__", hook_q), hook("__unblink_g__", hook_g), hook("__unblink_s__", hook_s),
    hook("__unblink_i__", hook_i), {nullptr, nullptr, 0, nullptr}};

PyObject* set_effects(PyObject*, PyObject* table) {
  if (!PyDict_Check(table)) {
    PyErr_SetString(PyExc_TypeError, "effects must be a dict");
    return nullptr;
  }
  PyObject *type, *methods;
  Py_ssize_t position = 0;
  while (PyDict_Next(table, &position, &type, &methods)) {
    PyObject *name, *effect;
    Py_ssize_t inner = 0;
    auto& entry = effects[reinterpret_cast<PyTypeObject*>(Py_NewRef(type))];
    while (PyDict_Next(methods, &inner, &name, &effect)) {
      PyObject* interned = Py_NewRef(name);
      PyUnicode_InternInPlace(&interned);
      entry[interned] = {static_cast<Place>(PyLong_AsLong(PyTuple_GetItem(effect, 0))),
                         static_cast<Effect>(PyLong_AsLong(PyTuple_GetItem(effect, 1)))};
      Effect& strongest = effects_by_name[interned];
      strongest = std::max(strongest, entry[interned].access);
    }
  }
  if (PyErr_Occurred()) return nullptr;
  Py_RETURN_NONE;
}

bool prepare_hooks() {
  PyObject* thread = PyImport_ImportModule("_thread");
  local_type = thread ? reinterpret_cast<PyTypeObject*>(PyObject_GetAttrString(thread, "_local")) : nullptr;
  Py_XDECREF(thread);
  if (local_type == nullptr) return false;
  PyObject* collections = PyImport_ImportModule("collections");
  if (collections == nullptr) return false;
  const char* names[] = {"deque", "OrderedDict", "defaultdict", "Counter"};
  for (int i = 0; i < 4; ++i) {
    PyObject* type = PyObject_GetAttrString(collections, names[i]);
    if (type == nullptr) return false;
    known_types[i] = reinterpret_cast<PyTypeObject*>(type);
  }
  Py_DECREF(collections);
  Py_SET_REFCNT(reinterpret_cast<PyObject*>(&steps_type), 1);
  steps_type.tp_name = "unblink._native.steps";
  steps_type.tp_basicsize = sizeof(Steps);
  steps_type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
  steps_type.tp_traverse = steps_traverse;
  steps_type.tp_dealloc = steps_dealloc;
  steps_type.tp_iter = PyObject_SelfIter;
  steps_type.tp_iternext = steps_next;
  return PyType_Ready(&steps_type) == 0;
}

Key key_of_attribute(const void* object, PyObject* interned_name) { return attribute_of(object, interned_name); }

}  // namespace unblink
