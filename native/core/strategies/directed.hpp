// Follows a list of preemptions and does what the default order does elsewhere: replay and minimisation.
//
// Tasks are named by creation path (the n-th child of the m-th child of main), since their numbers depend on
// the schedule. Invariants: a preemption is taken at most once; those of one place are taken in their order; one
// whose `to` cannot go on is counted as missed and the default order goes on.
#pragma once
#include <string>
#include <vector>

#include "../flat_map.hpp"
#include "../strategy.hpp"

namespace unblink {

struct Directive {
  std::vector<std::int32_t> task;  // creation path: child numbers from 1; empty is main
  SiteId site = kNoSite;           // kNoSite: not known yet, see bind()
  std::uint32_t occurrence = 0;
  std::vector<std::int32_t> to;
  bool to_clock = false;
  bool cancels() const { return to.size() == 1 && to[0] == 0; }  // no task has that path
};

struct StallPlace {
  TaskId task;
  SiteId site;
  std::uint32_t occurrence;
};

class Directed final : public Strategy {
 public:
  void direct(std::vector<Directive> directives);
  void bind(std::size_t directive, SiteId site);

  void begin(const StrategyOptions& options) override;
  void spawned(TaskId task, TaskId parent, std::int32_t child_index) override;
  TaskId choose(const Situation& situation) override;
  bool teaches() const override { return false; }
  bool cancels(TaskId task, SiteId site, std::uint32_t occurrence) override;
  bool cancels_anything() const override;

  // After an execution: the first directive that was not taken, or -1.
  long first_missed() const;
  // After an execution: where the clock could have gone on instead.
  const std::vector<StallPlace>& stall_places() const { return stall_places_; }
  std::size_t taken() const { return taken_count_; }

 private:
  TaskId task_at(const std::vector<std::int32_t>& path) const;
  bool is_at(TaskId task, const std::vector<std::int32_t>& path) const;

  struct Ancestry {
    TaskId parent = kNone;
    std::int32_t child_index = 0;
  };
  std::vector<Directive> directives_;
  std::vector<bool> taken_;
  std::size_t taken_count_ = 0;
  std::vector<StallPlace> stall_places_;
  std::vector<Ancestry> ancestry_;
};

}  // namespace unblink
