// A progress bar for training loops: one redrawn line on a terminal, plain lines now and then elsewhere.
#pragma once

#include <lockstep/core/concat.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep {

/// Shows how far a loop of `total` steps is, its rate and the time left, on standard error. Draws at most ten times a
/// second on a terminal; elsewhere writes a line at every tenth of the way and at least every 30 seconds, but at most
/// one a second. Does nothing when not enabled, as on all ranks but one.
class ProgressBar {
 public:
  ProgressBar(std::int64_t total, std::string description, bool enabled, std::int64_t done = 0)
      : total_(total),
        first_(done),
        done_(done),
        description_(std::move(description)),
        enabled_(enabled),
        terminal_(enabled && ::isatty(STDERR_FILENO) == 1) {
    postfix_.reserve(128);
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { close(); }

  /// Text behind the numbers, such as the loss; shown with the next step.
  void set_postfix(std::string_view text) { postfix_ = text; }

  /// One step is done.
  void advance() {
    ++done_;
    if (!enabled_) return;
    const auto now = Clock::now();
    const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(1000);
    const bool tenth = total_ > 0 && done_ * 10 / total_ != (done_ - 1) * 10 / total_;
    const bool due = terminal_ || tenth || now - drawn_ > std::chrono::seconds(30);
    if (done_ == total_ || (due && now - drawn_ >= pause)) draw(now);
  }

  /// Ends the line; called by the destructor too.
  void close() {
    if (!enabled_) return;
    if (drawn_done_ != done_) draw(Clock::now());
    if (terminal_) std::fputc('\n', stderr);
    enabled_ = false;
  }

  std::int64_t done() const { return done_; }

  /// "1:05" or "2:03:09".
  static std::string format_time(double seconds) {
    const auto whole = static_cast<std::int64_t>(seconds + 0.5);
    char text[32];
    if (whole >= 3600) {
      std::snprintf(text, sizeof text, "%d:%02d:%02d", static_cast<int>(whole / 3600),
                    static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
    } else {
      std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
    }
    return text;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void draw(Clock::time_point now) {
    drawn_ = now;
    drawn_done_ = done_;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double rate = elapsed > 0 ? static_cast<double>(done_ - first_) / elapsed : 0;
    const double left = rate > 0 && total_ > done_ ? static_cast<double>(total_ - done_) / rate : 0;
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, "%lld/%lld [%s<%s, %.4g step/s]", static_cast<long long>(done_),
                  static_cast<long long>(total_), format_time(elapsed).c_str(), format_time(left).c_str(), rate);
    std::string line = description_ + " ";
    if (terminal_) line += bar() + " ";
    line += numbers;
    if (!postfix_.empty()) line += "  " + postfix_;
    std::fprintf(stderr, terminal_ ? "\r%s\x1b[K" : "%s\n", line.c_str());
    std::fflush(stderr);
  }

  std::string bar() const {
    constexpr std::int64_t width = 24;
    const std::int64_t filled = total_ > 0 ? std::min(width, done_ * width / total_) : 0;
    return "|" + std::string(static_cast<std::size_t>(filled), '#') +
           std::string(static_cast<std::size_t>(width - filled), '.') + "|";
  }

  std::int64_t total_;
  std::int64_t first_;
  std::int64_t done_;
  std::int64_t drawn_done_ = -1;
  std::string description_;
  std::string postfix_;
  bool enabled_;
  bool terminal_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
};

/// A loader with a progress bar around it; one range-for is the rest of an epoch.
template <class Loader>
class ProgressRange {
 public:
  class Iterator {
   public:
    Iterator(ProgressRange& range) : range_(&range), inner_(range.loader_->begin()) {}
    auto& operator*() const { return *inner_; }
    Iterator& operator++() {
      range_->bar_.advance();
      ++inner_;
      return *this;
    }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t end) { return iterator.inner_ == end; }

   private:
    ProgressRange* range_;
    decltype(std::declval<Loader&>().begin()) inner_;
  };

  ProgressRange(Loader& loader, std::string description, bool enabled)
      : loader_(&loader), bar_(loader.steps_per_epoch(), std::move(description), enabled, loader.position().step) {}

  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

  /// Text behind the numbers, such as the loss.
  void set_postfix(std::string_view text) { bar_.set_postfix(text); }

 private:
  Loader* loader_;
  ProgressBar bar_;
};

}  // namespace lockstep
