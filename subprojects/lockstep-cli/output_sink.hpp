// Output of the launcher that never blocks it: what cannot be written at once waits in memory for poll(2).
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

namespace lockstep::cli {

/// One of the launcher's own streams.
class OutputSink {
 public:
  explicit OutputSink(int descriptor) : descriptor_(descriptor) {}

  int descriptor() const { return descriptor_; }
  bool is_terminal() const { return ::isatty(descriptor_) == 1; }
  bool empty() const { return pending_.empty(); }

  /// True when no more should be read for this stream before some of it is written.
  bool full() const { return pending_.size() >= 1U << 18; }

  void append(std::string_view text) {
    if (!closed_) pending_.append(text);
  }

  /// Writes what surely fits after poll(2) said POLLOUT. A reader that left does not end the job: its output is
  /// dropped.
  void write_some() {
    constexpr std::size_t surely_fits = 4096;  // PIPE_BUF on Linux
    const ssize_t count = ::write(descriptor_, pending_.data(), std::min(pending_.size(), surely_fits));
    if (count >= 0) {
      pending_.erase(0, static_cast<std::size_t>(count));
    } else if (errno != EINTR && errno != EAGAIN) {
      closed_ = true;
      pending_.clear();
    }
  }

 private:
  int descriptor_;
  bool closed_ = false;
  std::string pending_;
};

}  // namespace lockstep::cli
