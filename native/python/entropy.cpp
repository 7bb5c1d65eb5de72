// Where chance comes from: os.urandom and os.getrandom (and so uuid4, secrets and random.SystemRandom), generators that are
// seeded with nothing, and the UUIDs that the system makes of the time. The shared generator of `random` is seeded and given back by
// unblink.ground.surroundings.
#include <cstring>

#include "ground.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

using Plain = PyObject* (*)(PyObject*, PyObject*);
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
void *o_urandom, *o_getrandom, *o_seed, *o_uuid;

constexpr int kUuidSize = 16;

void fill(char* to, Py_ssize_t size) {
  for (Py_ssize_t i = 0; i < size; i += 8) {
    const std::uint64_t word = G.entropy.next();
    std::memcpy(to + i, &word, static_cast<std::size_t>(size - i < 8 ? size - i : 8));
  }
}

PyObject* urandom(PyObject* self, PyObject* argument) {
  const Py_ssize_t size = here() ? PyNumber_AsSsize_t(argument, PyExc_OverflowError) : -1;
  if (size < 0) {
    PyErr_Clear();
    return reinterpret_cast<Plain>(o_urandom)(self, argument);
  }
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, size);
  if (bytes == nullptr) return nullptr;
  fill(PyBytes_AS_STRING(bytes), size);
  return bytes;
}

// What the original refuses, it refuses; what it gives is as long as ours.
PyObject* getrandom(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* given = reinterpret_cast<FastKeywords>(o_getrandom)(self, args, count, names);
  if (given == nullptr || !here()) return given;
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, PyBytes_GET_SIZE(given));
  if (bytes != nullptr) fill(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
  Py_DECREF(given);
  return bytes;
}

PyObject* seed(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const bool with_nothing = count == 0 || (count == 1 && args[0] == Py_None);
  if (!here() || !with_nothing) return reinterpret_cast<Fast>(o_seed)(self, args, count);
  PyObject* number = PyLong_FromUnsignedLongLong(G.entropy.next());
  if (number == nullptr) return nullptr;
  PyObject* result = reinterpret_cast<Fast>(o_seed)(self, &number, 1);
  Py_DECREF(number);
  return result;
}

// (bytes, whether it is safe): the bytes become those of a version 1 UUID at our time with a random node.
PyObject* time_uuid(PyObject* self, PyObject* args) {
  PyObject* made = reinterpret_cast<Plain>(o_uuid)(self, args);
  if (made == nullptr || !here()) return made;
  if (!PyTuple_Check(made) || PyTuple_GET_SIZE(made) != 2) return made;
  constexpr std::uint64_t kTicksTo1970 = 0x01B21DD213814000ULL;
  const std::uint64_t ticks = static_cast<std::uint64_t>(G.engine.tick() + G.wall_offset) / 100 + kTicksTo1970;
  unsigned char bytes[kUuidSize];
  fill(reinterpret_cast<char*>(bytes), kUuidSize);
  const int place[] = {3, 2, 1, 0, 5, 4, 7, 6};  // of each byte of the time, least significant first
  for (int i = 0; i < 8; ++i) bytes[place[i]] = static_cast<unsigned char>(ticks >> (8 * i));
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x10);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  bytes[10] |= 0x01;  // no machine's own address
  PyObject* result = Py_BuildValue("(y#O)", bytes, static_cast<Py_ssize_t>(kUuidSize), PyTuple_GET_ITEM(made, 1));
  Py_DECREF(made);
  return result;
}

// `_uuid` is an optional part of the interpreter.
bool install_uuid() {
  PyObject* module = PyImport_ImportModule("_uuid");
  if (module == nullptr) {
    PyErr_Clear();
    return true;
  }
  const bool there = PyObject_HasAttrString(module, "generate_time_safe");
  const bool ok = !there || swap_method(module, "generate_time_safe", METH_NOARGS, reinterpret_cast<void*>(time_uuid), &o_uuid);
  Py_DECREF(module);
  return ok;
}

}  // namespace

bool install_entropy() {
  PyObject* module = PyImport_ImportModule("posix");
  PyObject* random = module ? PyImport_ImportModule("_random") : nullptr;
  PyObject* generator = random ? PyObject_GetAttrString(random, "Random") : nullptr;
  if (generator == nullptr) return false;
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  const bool ok = swap_method(module, "urandom", METH_O, f(urandom), &o_urandom) &&
                  swap_method(module, "getrandom", METH_FASTCALL | METH_KEYWORDS, f(getrandom), &o_getrandom) &&
                  swap_method(generator, "seed", METH_FASTCALL, f(seed), &o_seed) && install_uuid();
  Py_DECREF(generator);
  Py_DECREF(random);
  Py_DECREF(module);
  return ok;
}

}  // namespace unblink
