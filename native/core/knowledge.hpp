// What the executions of one exploration have shown, for the strategies that learn: which sites conflict, in which orders they
// were seen, which locks nest, how often each task comes to each location.
//
// A key is an address and means nothing in the next execution. What lasts are sites; and *places*: sites that were seen to
// come to one key form a group, and a place is the n-th key, by first use, of a group. Different schedules may number
// two keys of a group differently: a place guides the search, nothing that is reported rests on it.
#pragma once
#include <cstdint>
#include <vector>

#include "flat_map.hpp"
#include "strategy.hpp"
#include "types.hpp"

namespace unblink {

using PlaceId = std::uint32_t;
inline constexpr PlaceId kNoPlace = 0;

// What a conflict is about, in the order in which it is worth reversing.
enum class Conflict : std::uint8_t {
  kLockOrder,  // the inner acquisition of two locks that are also taken the other way round
  kData,       // accesses without a common lock; a triple that no serial order gives
  kSignal,     // queues
  kLock,
  kSerial,     // a triple that some serial order gives too
  kProtected,  // accesses under a common lock: the lock's own conflict covers it
};

// Two sites that conflict; `first` was seen to come before `second`, in another task.
struct SitePair {
  SiteId first, second;
  Conflict about;
};

// Two accesses of one task in a row, and a site of other tasks that conflicts with both.
struct SiteTriple {
  SiteId first, foreign, last;
  Conflict about;
};

struct SiteFacts {
  SiteId group = kNoSite;   // parent in the forest of groups
  std::uint32_t passes = 0; // the most by any one task in any execution
  bool is_lock = false;
  bool early = false;       // was followed by a conflicting operation of another task
  bool early_by_default = false;  // in the default order
  bool strong = false;      // by one at another site
  bool free = false;        // under no common lock
};

struct PlaceFacts {
  PlaceId place = kNoPlace;
  bool written = false;
  bool is_lock = false;
  std::uint64_t visitors = 0;           // tasks, modulo 64
  std::vector<std::uint32_t> counts;    // by task: the most operations in any execution
};

class Knowledge {
 public:
  // Takes in one execution; answers whether it showed anything new.
  bool learn(const Log& log, const std::vector<TaskId>& parents, bool default_order);
  void forget();
  // What executions of another process have shown.
  void recall(const std::vector<SitePair>& pairs, const std::vector<SiteTriple>& triples);

  std::uint64_t executions() const { return executions_; }
  std::uint64_t generation() const { return generation_; }  // counts what was forgotten
  std::size_t most_tasks() const { return most_tasks_; }
  std::uint64_t most_operations() const { return most_operations_; }
  const std::vector<TaskId>& parents() const { return parents_; }
  const SiteFacts& site(SiteId site) const { return sites_[site]; }
  const std::vector<SiteId>& early_sites() const { return early_; }
  const std::vector<SiteId>& contended_sites() const { return contended_; }
  const std::vector<SitePair>& pairs() const { return pairs_; }
  const std::vector<SiteTriple>& triples() const { return triples_; }
  const std::vector<PlaceFacts>& places() const { return places_; }
  // The inner acquisition sites of the lock-order edges that lie on a cycle, and a number that changes with them.
  const std::vector<SiteId>& inner_sites_of_cycles() const { return cycle_; }
  bool seen_by_default(const SitePair& reversed);
  bool seen_by_default(const SiteTriple& triple);

  SiteId group_of(SiteId site) const;

  // Numbers the keys of one execution.
  class Places {
   public:
    void begin(const Knowledge& knowledge) {
      knowledge_ = &knowledge;
      known_.clear();
      used_.clear();
    }
    PlaceId enter(Key key, SiteId site);
    PlaceId of(const Pending& pending);  // also of a key that has not been used so far

   private:
    const Knowledge* knowledge_ = nullptr;
    FlatMap<PlaceId> known_;
    FlatMap<std::uint32_t> used_;  // by group: how many keys
  };

 private:
  struct Seen {  // one site's operations on a key, by one task or by several
    SiteId site;
    TaskId task;
    std::uint64_t locks;
    bool writes, several;
  };
  struct Own {  // a task's last operation on a key, and what others did since
    TaskId task;
    SiteId site;
    std::uint64_t locks;
    bool writes;
    std::uint32_t count;
    std::vector<SiteId> others;
  };
  struct InARow {
    SiteId first, last;
    std::uint64_t locks;
    bool writes_first, writes_last;
    TaskId task;
  };
  struct Local {  // one key in the execution that is taken in
    PlaceId place = kNoPlace;
    Conflict about = Conflict::kData;
    bool written = false;
    std::vector<Seen> seen;
    std::vector<Own> own;
    std::vector<InARow> rows;
    void clear();
  };
  struct Edge {
    PlaceId outer, inner;
    SiteId outer_site, inner_site;
  };
  struct Held {
    Key key;
    PlaceId place;
    SiteId site;
    std::uint64_t bit;
  };

  SiteFacts& facts(SiteId site);
  SiteId root_of(SiteId site);
  void join_groups(SiteId a, SiteId b);
  Local& local_of(Key key, SiteId site, Conflict about);
  void take_pair(SiteId first, SiteId second, Conflict about);
  void take_triples(const Local& local);
  void take_counts(const Local& local);
  void take_edge(const Edge& edge);
  void find_cycles();
  void mark_early(const Seen& earlier, SiteId site, bool shares_lock, bool default_order);

  std::uint64_t executions_ = 0, generation_ = 1;
  std::uint64_t most_operations_ = 0;
  std::size_t most_tasks_ = 0;
  bool news_ = false;
  std::vector<TaskId> parents_;
  std::vector<SiteFacts> sites_;
  std::vector<SiteId> touched_;  // sites_ that are not as new
  std::vector<SiteId> early_, contended_, cycle_;
  std::vector<SitePair> pairs_;
  std::vector<SiteTriple> triples_;
  FlatMap<std::uint32_t> pair_number_, triple_number_, place_number_, contended_number_;
  FlatMap<bool> default_orders_, default_triples_;
  std::vector<PlaceFacts> places_;
  std::vector<Edge> edges_;

  // --- of the execution that is taken in
  Places numbering_;
  FlatMap<std::uint32_t> local_number_, passes_;
  std::vector<Local> locals_;
  std::size_t local_count_ = 0;
  std::vector<std::vector<Held>> held_;
};

}  // namespace unblink
