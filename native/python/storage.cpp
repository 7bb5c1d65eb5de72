// The functions by which SQLite reaches the system are exchanged in its own tables, as those of Python are.
//
// Whether what was written survives a loss of power cannot be observed in an execution, so nothing is synced in one: a
// commit takes microseconds. All else is done as it was asked for, and what is asked for outside of an execution is done
// in full. A file keeps our table for as long as it is open, for SQLite may use it after the ground was given back.
//
// SQLite holds no interpreter here. Invariant: what belongs to the execution is touched on its own OS thread only, on
// which nothing else runs meanwhile; what other OS threads may touch too is behind `mutex`.
#include "storage.hpp"

#include <sys/stat.h>

#include <climits>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

#include "databases.hpp"
#include "locations.hpp"
#include "sites.hpp"
#include "swap.hpp"

namespace unblink {
namespace {

constexpr int kBusy = 5, kMainDatabase = 0x100, kSharedUnlock = 1, kSharedLevel = 1;
constexpr int kNewestMethods = 3;

struct Methods {
  SqliteFileMethods ours;  // first: what a file points to
  const SqliteFileMethods* original;
};
struct System {
  SqliteSystem* system;
  void *open, *remove, *sleep, *time, *milliseconds;
};

std::mutex mutex;
std::deque<Methods> methods;                      // none is ever moved or freed
std::unordered_map<SqliteFile*, Key> databases;   // the open ones of which a lock may be waited for
std::map<std::pair<SqliteFile*, int>, std::pair<std::uint64_t, std::uint64_t>> taken;  // by file and lock: in which execution, at which step
std::deque<System> systems;
Key refused = kNoKey;
std::uint64_t shares_cache = 0;  // the execution in which somebody shares one

// Whether the execution runs on this OS thread, which may have let go of the interpreter.
bool under_control() { return G.active && G.thread_state->thread_id == PyThread_get_thread_ident(); }

const SqliteFileMethods* original(SqliteFile* file) { return reinterpret_cast<const Methods*>(file->methods)->original; }

Key key_of_file(SqliteFile* file) {
  const std::lock_guard guard(mutex);
  const auto found = databases.find(file);
  return found == databases.end() ? kNoKey : found->second;
}

int after_lock(SqliteFile* file, int result) {
  if ((result & 0xff) == kBusy && under_control()) refused = key_of_file(file);
  return result;
}

constexpr int kWhole = -1;  // the lock of the file itself

std::pair<std::uint64_t, std::uint64_t> moment() { return {G.executions, G.engine.steps()}; }

void note_taken(SqliteFile* file, int lock) {
  if (!under_control()) return;
  const std::lock_guard guard(mutex);
  taken[{file, lock}] = moment();
}

// Who tries takes a lock that he lets go when he does not get the next. Nobody has run meanwhile, and so nobody was refused: to
// wake the others would have two that try wake each other for ever.
bool was_noticed(SqliteFile* file, int lock) {
  const std::lock_guard guard(mutex);
  const auto found = taken.find({file, lock});
  return found == taken.end() || found->second != moment();
}

void after_unlock(SqliteFile* file) {
  if (!under_control()) return;
  const Key key = key_of_file(file);
  if (key != kNoKey) G.engine.signal(key);
}

int close_file(SqliteFile* file) {
  const int result = original(file)->close(file);
  after_unlock(file);
  const std::lock_guard guard(mutex);
  databases.erase(file);
  taken.erase(taken.lower_bound({file, kWhole}), taken.upper_bound({file, INT_MAX}));
  return result;
}

int sync_file(SqliteFile* file, int flags) { return under_control() ? 0 : original(file)->sync(file, flags); }

int lock_file(SqliteFile* file, int level) {
  const int result = original(file)->lock(file, level);
  if (result == 0 && level == kSharedLevel) note_taken(file, kWhole);
  return after_lock(file, result);
}

int unlock_file(SqliteFile* file, int level) {
  const int result = original(file)->unlock(file, level);
  if (level != 0 || was_noticed(file, kWhole)) after_unlock(file);
  return result;
}

int lock_shared(SqliteFile* file, int offset, int count, int flags) {
  const int result = original(file)->shared_lock(file, offset, count, flags);
  if ((flags & kSharedUnlock) == 0) {
    if (result == 0) note_taken(file, offset);
  } else if (was_noticed(file, offset)) {
    after_unlock(file);
  }
  return after_lock(file, result);
}

const SqliteFileMethods* ours_for(const SqliteFileMethods* theirs) {
  for (const Methods& known : methods)
    if (known.original == theirs) return &known.ours;
  Methods& made = methods.emplace_back();
  made.original = theirs;
  const std::size_t size = theirs->version == 1   ? offsetof(SqliteFileMethods, shared_map)
                           : theirs->version == 2 ? offsetof(SqliteFileMethods, fetch)
                                                  : sizeof(SqliteFileMethods);
  std::memcpy(&made.ours, theirs, size);
  made.ours.close = close_file;
  made.ours.sync = sync_file;
  made.ours.lock = lock_file;
  made.ours.unlock = unlock_file;
  if (theirs->version >= 2 && theirs->shared_lock != nullptr) made.ours.shared_lock = lock_shared;
  return &made.ours;
}

template <class Function>
Function original_of(SqliteSystem* system, void* System::*member, Function) {
  for (const System& known : systems)
    if (known.system == system) return reinterpret_cast<Function>(known.*member);
  return reinterpret_cast<Function>(systems.front().*member);  // somebody made a copy of the first
}

int open_file(SqliteSystem* system, const char* path, SqliteFile* file, int flags, int* granted) {
  const int result = original_of(system, &System::open, open_file)(system, path, file, flags, granted);
  const SqliteFileMethods* theirs = result == 0 ? file->methods : nullptr;
  if (theirs == nullptr || theirs->version < 1 || theirs->version > kNewestMethods) return result;
  const Key key = (flags & kMainDatabase) != 0 && path != nullptr ? key_of_database_file(path) : kNoKey;
  const std::lock_guard guard(mutex);
  file->methods = ours_for(theirs);
  if (key != kNoKey) databases[file] = key;
  return result;
}

int remove_file(SqliteSystem* system, const char* path, int sync) {
  return original_of(system, &System::remove, remove_file)(system, path, under_control() ? 0 : sync);
}

// Waits in virtual time, or until the lock that was refused last is let go.
int sleep(SqliteSystem* system, int microseconds) {
  if (!under_control() || shares_cache == G.executions) return original_of(system, &System::sleep, sleep)(system, microseconds);
  if (G.unwinding) return microseconds;
  const Attached attached;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const Key key = refused;
  forget_refusal();
  if (!go(G.engine.wait(Op::kAcquire, site_of_call(Op::kAcquire), key, deadline_after(Nanos{1000} * microseconds)))) keep_problem();
  PyErr_Restore(type, value, traceback);
  return microseconds;
}

constexpr std::int64_t kDay = 86'400'000;                     // in milliseconds
constexpr std::int64_t kMillisecondsBefore1970 = 210'866'760'000'000;  // by the Julian calendar, which SQLite counts by

std::int64_t milliseconds_now() { return kMillisecondsBefore1970 + (G.engine.tick() + G.wall_offset) / 1'000'000; }

int read_milliseconds(SqliteSystem* system, std::int64_t* into) {
  if (!under_control()) return original_of(system, &System::milliseconds, read_milliseconds)(system, into);
  *into = milliseconds_now();
  return 0;
}

int read_time(SqliteSystem* system, double* into) {
  if (!under_control()) return original_of(system, &System::time, read_time)(system, into);
  *into = static_cast<double>(milliseconds_now()) / static_cast<double>(kDay);
  return 0;
}

}  // namespace

Key key_of_database_file(const char* path) {
  struct stat status;
  if (::stat(path, &status) != 0) return kNoKey;
  return (mix(mix(static_cast<Key>(status.st_dev), static_cast<Key>(status.st_ino)), 0x73716c697465ULL) | kUntold) & ~1ULL;
}

Key refused_file() { return refused; }
void forget_refusal() { refused = kNoKey; }
void note_shared_cache() { shares_cache = G.executions; }

void look_after_storage(SqliteSystem* first) {
  const auto f = [](auto* function) { return reinterpret_cast<void*>(function); };
  systems.clear();
  for (SqliteSystem* system = first; system != nullptr; system = system->next)
    if (std::strncmp(system->name, "unix", 4) == 0)  // one that somebody else made calls these in turn
      systems.push_back({system, f(system->open), f(system->remove), f(system->sleep), f(system->time), system->version > 1 ? f(system->milliseconds) : nullptr});
  // All are known before the first of ours can be called: SQLite's threads do not wait for the interpreter.
  for (System& known : systems) {
    swap_pointer(reinterpret_cast<void**>(&known.system->open), f(open_file), &known.open);
    swap_pointer(reinterpret_cast<void**>(&known.system->remove), f(remove_file), &known.remove);
    swap_pointer(reinterpret_cast<void**>(&known.system->sleep), f(sleep), &known.sleep);
    swap_pointer(reinterpret_cast<void**>(&known.system->time), f(read_time), &known.time);
    if (known.milliseconds != nullptr) swap_pointer(reinterpret_cast<void**>(&known.system->milliseconds), f(read_milliseconds), &known.milliseconds);
  }
}

}  // namespace unblink
