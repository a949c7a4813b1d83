// How fast are lockstep's collectives, against other libraries and against what the memory can do?
//
// Each contender is a group of processes that are started once and then sleep until it is their turn; a turn is a
// batch of calls, before which the ranks meet at a barrier that is the same for all contenders. At each size, the
// contenders take turns, round by round. A sample is the time of one call, from 4 KiB on, and below it the mean of as
// many calls as take 50 us, for the clock costs as much as the fastest of them; of the ranks' times the longest counts.
// Each rank has a processor of its own, as long as there are enough: mpirun binds its ranks, the benchmark lockstep's;
// gloo's are left alone, for each has a thread more and is slower when bound.
// Medians are over the samples of all rounds. Results are checked, before and after, with values whose sums are exact.
//
// "times" is the median over that of the first contender. "floor" is the share of an all-reduce's time that the memory
// needs at least: 2 * ranks * bytes over the bandwidth that the same number of ranks reaches in the same rounds when
// all copy, each within a buffer of this size, one half over the other and back, through the caches or past them,
// whichever is faster. Usage: collectives --help
#include "endurance.hpp"
#include "recipes.hpp"
#include "report.hpp"

#include <dirent.h>

#include <exception>
#include <memory>

namespace {

using namespace benchmarks;

/// Where contenders may leave files; gone at the end.
class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_.data()) == nullptr) throw lockstep::io_error("create", path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    DIR* folder = ::opendir(path_.c_str());
    if (folder == nullptr) return;
    while (const dirent* entry = ::readdir(folder)) ::unlink((path_ + "/" + entry->d_name).c_str());
    ::closedir(folder);
    ::rmdir(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/collectives-XXXXXX";
};

Contenders start(const std::vector<Recipe>& recipes, int size, int first_index, const std::string& folder) {
  Contenders contenders;
  for (const Recipe& recipe : recipes) {
    const int index = first_index + static_cast<int>(contenders.size());
    contenders.push_back(std::make_unique<Contender>(recipe, size, index, folder));
  }
  return contenders;
}

std::vector<Result> compare(const Options& options, int size) {
  constexpr std::size_t floor_matters = 64 * 1024;  // below, calls take longer than bytes
  const Folder folder;
  const std::vector<Recipe> recipes = recipes_for(options, size);
  if (recipes.empty()) throw lockstep::ArgumentError("no contender is left");
  Contenders contenders = start(recipes, size, 0, folder.path());
  const std::string program = own_folder() + "collectives_lockstep";
  Contenders copies =
      start({lockstep_recipe("copy", program, "copy"), lockstep_recipe("copy-streaming", program, "copy-streaming")},
            size, static_cast<int>(contenders.size()), folder.path());
  Contenders none;
  std::vector<Result> all;
  for (const Operation operation : options.operations) {
    print_heading(operation, size);
    for (const std::size_t bytes : options.sizes) {
      const bool with_floor = operation == Operation::all_reduce && bytes >= floor_matters;
      const std::vector<Result> results =
          measure(contenders, with_floor ? copies : none, operation, bytes, options.rounds, options.batch_seconds);
      print_rows(results);
      all.insert(all.end(), results.begin(), results.end());
    }
  }
  return all;
}

int run(const Options& options) {
  std::vector<Result> all;
  std::uint64_t wrong = 0;
  for (const int size : options.ranks) {
    if (options.endurance_calls > 0) {
      const Folder folder;
      for (const auto& contender : start(recipes_for(options, size), size, 0, folder.path())) {
        wrong += endure(*contender, options.endurance_calls);
      }
      continue;
    }
    for (Result& result : compare(options, size)) {
      wrong += result.wrong;
      all.push_back(std::move(result));
    }
  }
  if (!options.json.empty()) write_json(options.json, all, options.rounds);
  if (wrong > 0) std::fprintf(stderr, "collectives: %llu elements are wrong\n", static_cast<unsigned long long>(wrong));
  return wrong > 0 ? 1 : 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    const Options options = parse_options(argument_count, arguments);
    if (!options.help) return run(options);
    std::fputs(usage_text, stdout);
    return 0;
  } catch (const lockstep::ArgumentError& error) {
    std::fprintf(stderr, "collectives: %s\n%s", error.what(), usage_text);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "collectives: %s\n", error.what());
    return 1;
  }
}
