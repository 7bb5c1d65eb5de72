#include "knowledge.hpp"

#include <algorithm>

namespace unblink {

namespace {

constexpr std::uint32_t kMostPlaces = 64;  // of one group; the rest share the last
constexpr std::size_t kMostSeen = 64;      // sites of one key: beyond them nothing more is learned of it
constexpr std::size_t kMostOthers = 16;
constexpr std::size_t kMostPairs = 20'000, kMostTriples = 20'000, kMostEdges = 2'000;

std::uint64_t both(SiteId a, SiteId b) { return (static_cast<std::uint64_t>(a) << 32) | b; }
std::uint64_t three(SiteId a, SiteId b, SiteId c) {
  return (both(a, b) * 0x9E3779B97F4A7C15ULL) ^ (c * 0xC2B2AE3D27D4EB4FULL) ^ 0x7472697065ULL;
}

bool is_about(Op op, Conflict& about) {
  switch (op) {
    case Op::kRead:
    case Op::kWrite:
    case Op::kUpdate: about = Conflict::kData; return true;
    case Op::kAcquire:
    case Op::kTryAcquire: about = Conflict::kLock; return true;
    case Op::kGet:
    case Op::kPut: about = Conflict::kSignal; return true;
    default: return false;
  }
}

}  // namespace

// ---------------------------------------------------------------- groups and places

SiteFacts& Knowledge::facts(SiteId site) {
  if (sites_.size() <= site) sites_.resize(static_cast<std::size_t>(site) + 64);
  SiteFacts& found = sites_[site];
  if (found.group == kNoSite) {
    found.group = site;
    touched_.push_back(site);
  }
  return found;
}

SiteId Knowledge::group_of(SiteId site) const {
  if (site >= sites_.size() || sites_[site].group == kNoSite) return site;
  while (sites_[site].group != site) site = sites_[site].group;
  return site;
}

void Knowledge::join_groups(SiteId a, SiteId b) {
  facts(a);
  facts(b);
  const SiteId x = group_of(a), y = group_of(b);
  if (x == y) return;
  news_ = true;
  sites_[std::max(x, y)].group = std::min(x, y);
}

PlaceId Knowledge::Places::enter(Key key, SiteId site) {
  PlaceId& place = known_[key];
  if (place == kNoPlace) {
    const SiteId group = knowledge_->group_of(site);
    place = group * kMostPlaces + std::min(used_[group]++, kMostPlaces - 1);
  }
  return place;
}

PlaceId Knowledge::Places::of(const Pending& pending) {
  if (const PlaceId* known = known_.find(pending.key)) return *known;
  const SiteId group = knowledge_->group_of(pending.site);
  const std::uint32_t* used = used_.find(group);
  return group * kMostPlaces + std::min(used == nullptr ? 0 : *used, kMostPlaces - 1);
}

// ---------------------------------------------------------------- taking in an execution

void Knowledge::Local::clear() {
  written = false;
  seen.clear();
  own.clear();
  rows.clear();
}

Knowledge::Local& Knowledge::local_of(Key key, SiteId site, Conflict about) {
  std::uint32_t& number = local_number_[key];
  if (number == 0) {
    if (locals_.size() == local_count_) locals_.emplace_back();
    number = static_cast<std::uint32_t>(++local_count_);
    Local& fresh = locals_[number - 1];
    fresh.clear();
    fresh.about = about;
    fresh.place = numbering_.enter(key, site);
  }
  return locals_[number - 1];
}

bool Knowledge::learn(const Log& log, const std::vector<TaskId>& parents, bool default_order) {
  news_ = false;
  ++executions_;
  most_tasks_ = std::max(most_tasks_, parents.size());
  if (parents.size() > parents_.size()) parents_ = parents;
  numbering_.begin(*this);
  local_number_.clear();
  passes_.clear();
  local_count_ = 0;
  for (auto& held : held_) held.clear();
  if (held_.size() < parents.size()) held_.resize(parents.size());
  std::uint64_t operations = 0;
  for (const Happened& now : log) {
    if (now.never) break;
    if (now.op == Op::kRelease && now.is_signal()) {
      for (auto& held : held_) std::erase_if(held, [&](const Held& lock) { return lock.key == now.key; });
      continue;
    }
    operations += !now.is_inside();
    Conflict about;
    if (now.also || now.task < 0 || now.key == kNoKey || now.site <= kImportSite || !is_about(now.op, about)) continue;
    const bool writes = !observes_only(now.op);
    Local& local = local_of(now.key, now.site, about);
    SiteFacts& here = facts(now.site);
    here.is_lock = about == Conflict::kLock;
    here.passes = std::max(here.passes, ++passes_[both(now.site, static_cast<SiteId>(now.task))]);
    std::vector<Held>& held = held_[static_cast<std::size_t>(now.task)];
    std::uint64_t locks = 0;
    for (const Held& lock : held) {
      locks |= lock.bit;
      if (about == Conflict::kLock && lock.key != now.key) take_edge({lock.place, local.place, lock.site, now.site});
    }
    local.written = local.written || writes;
    if (!local.seen.empty() && local.seen.front().site != now.site) join_groups(local.seen.front().site, now.site);
    // Conflicts with what other tasks did here before.
    Seen* same = nullptr;
    for (Seen& earlier : local.seen) {
      if (earlier.site == now.site) same = &earlier;
      if (!(earlier.writes || writes) || !(earlier.several || earlier.task != now.task)) continue;
      const bool shares = about == Conflict::kData && (earlier.locks & locks) != 0;
      mark_early(earlier, now.site, shares, default_order);
      take_pair(earlier.site, now.site, shares ? Conflict::kProtected : about);
      if (default_order) default_orders_[both(earlier.site, now.site)] = true;
    }
    if (same != nullptr) {
      same->several = same->several || same->task != now.task;
      same->locks &= locks;
      same->writes = same->writes || writes;
    } else if (local.seen.size() < kMostSeen) {
      local.seen.push_back({now.site, now.task, locks, writes, false});
    }
    // The task's own accesses in a row.
    Own* own = nullptr;
    for (Own& each : local.own) {
      if (each.task == now.task)
        own = &each;
      else if (each.others.size() < kMostOthers)
        each.others.push_back(now.site);
    }
    if (own == nullptr) {
      local.own.push_back({now.task, now.site, locks, writes, 1, {}});
    } else {
      const auto known = [&](const InARow& row) { return row.first == own->site && row.last == now.site; };
      if (local.rows.size() < kMostSeen && std::none_of(local.rows.begin(), local.rows.end(), known))
        local.rows.push_back({own->site, now.site, own->locks & locks, own->writes, writes, now.task});
      if (default_order)
        for (const SiteId other : own->others) default_triples_[three(own->site, other, now.site)] = true;
      own->others.clear();
      own->site = now.site;
      own->locks = locks;
      own->writes = writes;
      ++own->count;
    }
    if (about == Conflict::kLock) held.push_back({now.key, local.place, now.site, 1ULL << (local.place * 0x9E3779B97F4A7C15ULL >> 58)});
  }
  most_operations_ = std::max(most_operations_, operations);
  for (std::size_t i = 0; i < local_count_; ++i) {
    take_triples(locals_[i]);
    take_counts(locals_[i]);
  }
  if (news_ && !edges_.empty()) find_cycles();
  return news_;
}

void Knowledge::mark_early(const Seen& earlier, SiteId site, bool shares_lock, bool default_order) {
  SiteFacts& facts = sites_[earlier.site];
  if (!facts.early) {
    facts.early = news_ = true;
    early_.push_back(earlier.site);
  }
  if (default_order && !facts.early_by_default) facts.early_by_default = news_ = true;
  if (earlier.site != site) facts.strong = true;
  if (!shares_lock) facts.free = true;
}

void Knowledge::take_pair(SiteId first, SiteId second, Conflict about) {
  std::uint32_t& number = pair_number_[both(first, second)];
  if (number != 0) {
    SitePair& known = pairs_[number - 1];
    if (known.about == Conflict::kProtected && about != Conflict::kProtected) known.about = about;
    return;
  }
  if (pairs_.size() >= kMostPairs) return;
  news_ = true;
  pairs_.push_back({first, second, about});
  number = static_cast<std::uint32_t>(pairs_.size());
}

void Knowledge::recall(const std::vector<SitePair>& pairs, const std::vector<SiteTriple>& triples) {
  for (const SitePair& pair : pairs) {
    SiteFacts& early = facts(pair.first);
    facts(pair.second);
    join_groups(pair.first, pair.second);
    if (!early.early) {
      sites_[pair.first].early = true;
      early_.push_back(pair.first);
    }
    take_pair(pair.first, pair.second, pair.about);
  }
  for (const SiteTriple& triple : triples) {
    std::uint32_t& number = triple_number_[three(triple.first, triple.foreign, triple.last)];
    if (number != 0 || triples_.size() >= kMostTriples) continue;
    triples_.push_back(triple);
    number = static_cast<std::uint32_t>(triples_.size());
  }
}

void Knowledge::take_triples(const Local& local) {
  if (local.own.size() < 2) return;
  for (const InARow& row : local.rows) {
    for (const Seen& foreign : local.seen) {
      if (!foreign.several && foreign.task == row.task) continue;
      Conflict about = local.about;
      if (about == Conflict::kData) {
        if ((row.locks & foreign.locks) != 0) continue;
        // The unserialisable ones of AVIO (Lu et al., ASPLOS 2006, table 1).
        const bool unserialisable = foreign.writes ? !row.writes_first || !row.writes_last : row.writes_first && row.writes_last;
        if (!unserialisable && !foreign.writes) continue;
        if (!unserialisable) about = Conflict::kSerial;
      }
      std::uint32_t& number = triple_number_[three(row.first, foreign.site, row.last)];
      if (number != 0 || triples_.size() >= kMostTriples) continue;
      news_ = true;
      triples_.push_back({row.first, foreign.site, row.last, about});
      number = static_cast<std::uint32_t>(triples_.size());
    }
  }
}

void Knowledge::take_counts(const Local& local) {
  std::uint32_t& number = place_number_[local.place];
  if (number == 0) {
    news_ = true;
    places_.emplace_back();
    number = static_cast<std::uint32_t>(places_.size());
    places_.back().place = local.place;
  }
  PlaceFacts& place = places_[number - 1];
  place.written = place.written || local.written;
  place.is_lock = local.about == Conflict::kLock;
  for (const Own& own : local.own) {
    place.visitors |= 1ULL << (own.task & 63);
    if (place.counts.size() <= static_cast<std::size_t>(own.task)) place.counts.resize(static_cast<std::size_t>(own.task) + 1, 0);
    std::uint32_t& count = place.counts[static_cast<std::size_t>(own.task)];
    count = std::max(count, own.count);
  }
  if (!place.written || (place.visitors & (place.visitors - 1)) == 0) return;
  for (const Seen& seen : local.seen) {
    std::uint32_t& known = contended_number_[seen.site];
    if (known++ == 0) contended_.push_back(seen.site);
  }
}

// ---------------------------------------------------------------- lock order

void Knowledge::take_edge(const Edge& edge) {
  if (edge.outer == edge.inner || edges_.size() >= kMostEdges) return;
  for (const Edge& known : edges_)
    if (known.outer == edge.outer && known.inner == edge.inner && known.inner_site == edge.inner_site) return;
  news_ = true;
  edges_.push_back(edge);
}

void Knowledge::find_cycles() {
  cycle_.clear();
  std::vector<PlaceId> reached;
  for (const Edge& edge : edges_) {
    reached.assign(1, edge.inner);
    for (std::size_t i = 0; i < reached.size(); ++i)
      for (const Edge& next : edges_)
        if (next.outer == reached[i] && std::find(reached.begin(), reached.end(), next.inner) == reached.end())
          reached.push_back(next.inner);
    if (std::find(reached.begin(), reached.end(), edge.outer) == reached.end()) continue;
    if (std::find(cycle_.begin(), cycle_.end(), edge.inner_site) == cycle_.end()) cycle_.push_back(edge.inner_site);
    for (const Edge& other : edges_) {
      if (other.outer != edge.inner || other.inner != edge.outer) continue;
      for (SitePair& pair : pairs_)
        if (pair.about == Conflict::kLock && ((pair.first == edge.inner_site && pair.second == other.outer_site) ||
                                             (pair.first == other.inner_site && pair.second == edge.outer_site)))
          pair.about = Conflict::kLockOrder;
    }
  }
  std::sort(cycle_.begin(), cycle_.end());
}

// ---------------------------------------------------------------- queries

bool Knowledge::seen_by_default(const SitePair& pair) {
  return default_orders_.find(both(pair.second, pair.first)) != nullptr;
}

bool Knowledge::seen_by_default(const SiteTriple& triple) {
  return default_triples_.find(three(triple.first, triple.foreign, triple.last)) != nullptr;
}

void Knowledge::forget() {
  executions_ = most_operations_ = 0;
  ++generation_;
  most_tasks_ = 0;
  parents_.clear();
  for (const SiteId site : touched_) sites_[site] = SiteFacts{};
  touched_.clear();
  early_.clear();
  contended_.clear();
  cycle_.clear();
  pairs_.clear();
  triples_.clear();
  pair_number_.clear();
  triple_number_.clear();
  place_number_.clear();
  contended_number_.clear();
  default_orders_.clear();
  default_triples_.clear();
  places_.clear();
  edges_.clear();
}

}  // namespace unblink
