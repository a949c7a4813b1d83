// What a checkpoint of a run consists of: the state of all prepared objects, by name.
#pragma once

#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/io/checkpoint_reader.hpp>
#include <lockstep/io/checkpoint_writer.hpp>
#include <lockstep/io/state_entry.hpp>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep {

/// The state of one prepared object, shared between it and the accelerator. The entries point to memory that the object
/// keeps at one address; a registration whose object is gone is passed over.
struct StateGroup {
  std::string name;  // names the file of `arrays`: <name>.safetensors
  std::vector<StateEntry> arrays;
  std::vector<StateEntry> numbers;  // of all groups together in state.safetensors
  std::vector<StateEntry> facts;    // int64 numbers, there too, that must be the same when a checkpoint is loaded
};

/// The groups of a run, in any order: checkpoints know them by name only.
class StateRegistry {
 public:
  /// Registers a group for as long as the returned pointer is kept; throws ArgumentError when the name is taken.
  LOCKSTEP_ON_DEMAND [[nodiscard]] Shared<StateGroup> add(StateGroup group) {
    for (const auto& other : alive()) {
      if (other->name == group.name) {
        throw ArgumentError(concat("prepare: the name '", group.name,
                                   "' is in use by another prepared object; give this one a name of its own: "
                                   "prepare(ls::named(\"...\", object))"));
      }
    }
    std::erase_if(groups_, [](const Shared<StateGroup>& other) { return other.use_count() == 1; });
    groups_.push_back(Shared<StateGroup>::make(std::move(group)));
    return groups_.back();
  }

  /// Whether a living group has this name.
  LOCKSTEP_ON_DEMAND bool contains(std::string_view name) const {
    for (const auto& group : alive()) {
      if (group->name == name) return true;
    }
    return false;
  }

  /// Writes everything to a directory, atomically; returns after it is on the disk.
  LOCKSTEP_ON_DEMAND void save(std::string_view directory, std::int64_t step, Metadata metadata) const {
    CheckpointWriter writer(directory, step, std::move(metadata));
    std::vector<StateEntry> numbers;
    for (const auto& group : alive()) {
      if (!group->arrays.empty()) writer.write(group->name + ".safetensors", group->arrays);
      numbers.insert(numbers.end(), group->numbers.begin(), group->numbers.end());
      numbers.insert(numbers.end(), group->facts.begin(), group->facts.end());
    }
    writer.write("state.safetensors", numbers);
    writer.commit();
  }

  /// Reads everything back. All files and entries are checked before the first byte is changed.
  LOCKSTEP_ON_DEMAND void load(std::string_view directory) const {
    const CheckpointReader reader(directory);
    const auto groups = alive();
    std::vector<StateEntry> numbers, facts;
    std::string expected = "state.safetensors";
    for (const auto& group : groups) {
      if (!group->arrays.empty()) {
        reader.open(group->name + ".safetensors").check(group->arrays);
        expected += concat(" ", group->name, ".safetensors");
      }
      numbers.insert(numbers.end(), group->numbers.begin(), group->numbers.end());
      facts.insert(facts.end(), group->facts.begin(), group->facts.end());
    }
    const SafetensorsFile number_file = reader.open("state.safetensors");
    std::vector<StateEntry> everything = numbers;
    everything.insert(everything.end(), facts.begin(), facts.end());
    number_file.check(everything);
    check_facts(number_file, facts);
    for (const CheckpointFile& file : reader.files()) {
      if ((concat(" ", expected, " ")).find(concat(" ", file.name, " ")) == std::string::npos) {
        throw CheckpointError(concat("the checkpoint '", reader.path(), "' has a file '", file.name,
                                     "' that no prepared object asks for; prepared objects need:", " ", expected));
      }
    }
    for (const auto& group : groups) {
      if (!group->arrays.empty()) reader.open(group->name + ".safetensors").load(group->arrays);
    }
    number_file.load(numbers, ExtraTensors::ignore);
  }

 private:
  LOCKSTEP_ON_DEMAND static void check_facts(const SafetensorsFile& file, const std::vector<StateEntry>& facts) {
    std::string faults;
    for (const StateEntry& fact : facts) {
      std::int64_t stored = 0, here = 0;
      file.read(*file.find(fact.name), &stored);
      std::memcpy(&here, fact.data, sizeof here);
      if (stored != here) faults += concat("\n  ", fact.name, " is ", stored, " in the checkpoint and ", here, " here");
    }
    if (!faults.empty()) {
      throw CheckpointError(
          concat("the checkpoint '", file.path(),
                 "' is of a run whose positions mean something else; nothing was loaded; use the same data and the "
                 "same batch size over all ranks:",
                 faults));
    }
  }

  LOCKSTEP_ON_DEMAND std::vector<Shared<StateGroup>> alive() const {
    std::vector<Shared<StateGroup>> result;
    for (const auto& group : groups_) {
      if (group.use_count() > 1) result.push_back(group);  // its object holds it too
    }
    return result;
  }

  std::vector<Shared<StateGroup>> groups_;
};

}  // namespace lockstep
