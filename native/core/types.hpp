// The engine's words. Nothing here knows Python.
#pragma once
#include <cstdint>

namespace unblink {

using TaskId = std::int32_t;
inline constexpr TaskId kNone = -1;   // nobody can go on
inline constexpr TaskId kClock = -2;  // the choice that lets the virtual clock run: a stall
inline constexpr TaskId kCancelled = -3;  // the choice that cancels an asyncio task where it awaits

using SiteId = std::uint32_t;
inline constexpr SiteId kNoSite = 0;
inline constexpr SiteId kEndSite = 1;     // where a task stands when it has ended
inline constexpr SiteId kImportSite = 2;  // inside of the import system, whose locks are no affair of the program

using Nanos = std::int64_t;
inline constexpr Nanos kForever = INT64_MAX;

using Key = std::uint64_t;  // what an operation is about: a lock, a queue, a location
inline constexpr Key kNoKey = 0;
inline constexpr Key kTimeKey = (1ULL << 62) + 2;  // a reading of the clock: none is equal to another
inline constexpr Key kTaskKeys = 1ULL << 63;  // no address has this bit
inline constexpr Key kUntold = 1ULL << 61;  // locations of which no race is told: a lock may be inside
inline Key key_of_task(TaskId id) { return kTaskKeys | static_cast<Key>(id); }  // its end

// Kinds of visible operations. Python reads these numbers through `OPERATIONS` of the module.
enum class Op : std::uint8_t {
  kStart,       // a task starts another
  kBegin,       // a task's first step
  kEnd,         // a task's last step
  kJoin,        // waits for the end of a task
  kAcquire,     // takes a lock, waits if it must
  kTryAcquire,  // takes a lock or not, never waits
  kRelease,
  kGet,  // takes from a queue, waits if it must
  kPut,
  kSleep,
  kYield,  // sleep(0), point(): nothing but a chance to switch
  kRead,
  kWrite,
  kUpdate,  // reads and writes in one indivisible step
  kStall,    // the clock runs to the next deadline
  kSelect,   // an event loop looks for what has come
  kArrive,   // what an event loop waits for comes from outside: never before its time, and however late
  kAwait,    // an asyncio task lets its loop go on; only observers hear of it
  kCancel,   // what it awaits raises CancelledError
  kTouch,    // a future of a loop is set from another thread; only observers hear of it
  kResume,   // an asyncio task goes on after a sleep(0), which stands for input or output
  kCall,     // an event loop calls what stands in its queue, into which other threads may put more before
  kPublish,  // inside of another operation: what was done so far can be seen by whoever comes to the key
  kCount
};

// Two operations on one key conflict unless both only observe it.
inline bool observes_only(Op op) { return op == Op::kRead || op == Op::kYield || op == Op::kSleep; }

// Operations after which the world may differ, so that a loop which does them is not taken for spinning: what a
// task does under a lock that it got, or with an item that it took, nobody need have seen.
inline bool is_progress(Op op) {
  return op == Op::kWrite || op == Op::kUpdate || op == Op::kPut || op == Op::kStart || op == Op::kEnd ||
         op == Op::kBegin || op == Op::kAcquire || op == Op::kGet || op == Op::kArrive;
}

}  // namespace unblink
