// The rank's side of the benchmark: obeys commands until told to stop. A contender is a class with
//   rank(), size()                                  its place among its ranks
//   make(bytes)                                     an owner of zeroed memory, data() on 64-byte boundaries
//   static constexpr bool supports(Operation)
//   run(Operation, input, output)                   the operation, once; root is rank 0
//   static constexpr bool runs_alone                only where run() does not wait for peers
// Timing: all ranks call the operation once untimed, meet at a barrier, and call it again and again. A sample is the
// time of one call, or of several, divided by their number, when one is too short for the clock.
#pragma once

#include "protocol.hpp"

#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>

namespace benchmarks {

inline std::uint64_t open_descriptors() {
  std::uint64_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.';
  ::closedir(folder);
  return count - 1;  // the folder's own
}

inline std::uint64_t resident_bytes() {
  const std::string text = lockstep::read_file("/proc/self/statm");
  unsigned long long all = 0, resident = 0;
  if (std::sscanf(text.c_str(), "%llu %llu", &all, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

template <class Contender>
class Rank {
 public:
  using Memory = decltype(std::declval<Contender&>().make(std::size_t{}));

  /// `socket_name` and `page_path` are the arguments with which the benchmark starts a rank's program.
  Rank(Contender& contender, const std::string& socket_name, const std::string& page_path)
      : contender_(contender), page_(map_shared_page(lockstep::open_file(page_path, O_RDWR))) {
    socket_ = lockstep::FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address;
    const socklen_t length = socket_address(socket_name, address);
    if (!socket_ || ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      throw lockstep::io_error("connect to", socket_name);
    }
    send_to(socket_, Reply{.rank = contender.rank()});
  }
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;
  ~Rank() { ::munmap(page_, sizeof(SharedPage)); }

  void serve() {
    Command command;
    while (receive_from(socket_, command) && command.task != Task::stop) {
      Reply reply{.rank = contender_.rank()};
      if (!Contender::supports(command.operation)) {
        reply.supported = 0;
      } else if (command.task == Task::prepare) {
        prepare(command);
        reply.wrong = check();
      } else if (command.task == Task::time) {
        time(command);
        if (command.samples == 0) reply.wrong = check();
      } else if (command.task == Task::resources) {
        reply.descriptors = open_descriptors();
        reply.resident_bytes = resident_bytes();
      }
      send_to(socket_, reply);
    }
  }

 private:
  static constexpr std::size_t shortest_run_in_step = std::size_t{4} << 20;  // a meeting is nothing beside it

  void prepare(const Command& command) {
    operation_ = command.operation;
    const Lengths lengths = lengths_of(operation_, command.bytes, contender_.size());
    const std::size_t output_begin = (lengths.input * sizeof(float) + 4095) / 4096 * 4096;
    memory_.reset();
    memory_.emplace(contender_.make(output_begin + lengths.output * sizeof(float)));
    input_ = {reinterpret_cast<float*>(memory_->data()), lengths.input};
    output_ = {reinterpret_cast<float*>(memory_->data() + output_begin), lengths.output};
  }

  /// Runs once with known values and leaves zeros, which no number of reductions makes overflow.
  std::uint64_t check() {
    fill_input(input_, contender_.rank());
    std::fill(output_.begin(), output_.end(), -1.0f);
    contender_.run(operation_, input_, output_);
    const std::uint64_t wrong = count_wrong(operation_, contender_.rank(), contender_.size(), input_, output_);
    meet(*page_, contender_.size());  // peers may still read the input
    std::fill(input_.begin(), input_.end(), 0.0f);
    std::fill(output_.begin(), output_.end(), 0.0f);
    return wrong;
  }

  void time(const Command& command) {
    using Clock = std::chrono::steady_clock;
    double* seconds = page_->seconds[contender_.rank()];
    meet(*page_, contender_.size());
    contender_.run(operation_, input_, output_);
    meet(*page_, contender_.size());
    [[maybe_unused]] const bool in_step =
        input_.size_bytes() >= shortest_run_in_step && contender_.size() > ::sysconf(_SC_NPROCESSORS_ONLN);
    Clock::time_point before = Clock::now();
    for (std::uint64_t sample = 0; sample < std::min<std::uint64_t>(command.samples, max_samples); ++sample) {
      for (std::uint64_t call = 0; call < command.calls_per_sample; ++call) {
        contender_.run(operation_, input_, output_);
        if constexpr (requires { Contender::runs_alone; }) {
          // In step, so that ranks which share a processor do not have the caches to themselves by turns.
          if (in_step) meet(*page_, contender_.size());
        }
      }
      const Clock::time_point after = Clock::now();
      seconds[sample] = std::chrono::duration<double>(after - before).count() / double(command.calls_per_sample);
      before = after;
    }
  }

  Contender& contender_;
  SharedPage* page_;
  lockstep::FileDescriptor socket_;
  Operation operation_ = Operation::all_reduce;
  std::optional<Memory> memory_;
  std::span<float> input_, output_;
};

/// The main of a rank's program, where `run` may throw.
template <class Run>
int rank_main(const char* program, Run run) {
  try {
    run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace benchmarks
