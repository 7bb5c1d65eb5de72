// Sites: the places in source at which visible operations stand, each with a small number.
//
// A hook's site is known when its module is compiled. A call of a C function of the ground gets a site when it is
// first seen from a given place: the chain of frames from the call up to the first frame of the program's own
// code, so that `q.put(x)` in two lines are two sites though the lock is taken in queue.py both times.
#pragma once
#include <initializer_list>
#include <vector>

#include "ground.hpp"

namespace unblink {

enum class Place : std::uint8_t { kAttribute, kItem, kContainer, kVariable };
enum class Effect : std::uint8_t { kRead, kWrite, kUpdate };

namespace flag {  // protocol.Flag
inline constexpr std::uint16_t kOpensPair = 1, kClosesPair = 2, kMethod = 4, kDeletes = 8, kSuspends = 16, kClosure = 32;
inline constexpr std::uint16_t kSeenDeque = 1 << 15;  // ours: a deque has come here
}

// What a hook reads each time stands first, in one cache line.
struct alignas(64) HookSite {
  PyObject* name = nullptr;  // interned, or null
  // What was last learned of a receiver's type, or of a class as the receiver: right for as long as its version is
  // this. A version of 0 says nothing, so it is not kept.
  PyTypeObject* type = nullptr;
  PyObject* owner = nullptr;  // of a class's attribute: the class that has it, borrowed
  unsigned int type_version = 0;
  std::uint8_t verdict = 0;
  Place place = Place::kAttribute;
  Effect access = Effect::kRead;
  bool hooked = false;
  std::uint16_t flags = 0;
  PyObject* filename = nullptr;
  PyObject* function = nullptr;
  int line = 0, column = 0, end_column = 0;
  // of a call's site
  Op op = Op::kYield;
  std::vector<std::pair<PyCodeObject*, int>> frames;
};

extern std::vector<HookSite> sites;

// Whether the innermost frame is of the standard library, of those in no file whose name ends as one of `but_in`.
bool is_called_by_library(std::initializer_list<const char*> but_in);

// Where the program's innermost coroutine stands of those that `coroutine` waits in; kNoSite if none is the program's. `depth`
// is the number of those, counted from that of the test itself where that is one of them.
SiteId site_of_coroutine(Op op, PyObject* coroutine, int* depth = nullptr);

PyObject* register_sites(PyObject*, PyObject* args);
PyObject* site_info(PyObject*, PyObject* number);
PyObject* site_count(PyObject*, PyObject*);
PyObject* set_library_prefixes(PyObject*, PyObject* prefixes);

}  // namespace unblink
