// A progress bar for training loops: one redrawn line on a terminal, plain lines now and then elsewhere.
#pragma once

#include <lockstep/core/chrono.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep {

/// What a progress bar counts and says.
struct ProgressOptions {
  std::string description = "train";
  std::int64_t total_steps = 0;     ///< 0: the rest of the loader's epoch; else over as many epochs as it takes
  std::int64_t first_step = 0;      ///< with `total_steps`: the steps that an earlier run has taken
  std::int64_t items_per_step = 1;  ///< what the rate counts: steps, or the samples or tokens of a step
  std::string unit = "steps";
};

/// Shows how far a loop is, its rate, the time left and numbers such as the loss, on standard error. Draws at most ten
/// times a second on a terminal; elsewhere writes a line at every tenth of the way and at least every 30 seconds, but
/// at most one a second. Does nothing when not enabled, as on all ranks but one. Steps allocate nothing.
class ProgressBar {
 public:
  ProgressBar(const ProgressOptions& options, bool enabled)
      : options_(options),
        done_(options.first_step),
        enabled_(enabled),
        open_(enabled),
        terminal_(enabled && ::isatty(STDERR_FILENO) == 1) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { close(); }

  /// Numbers behind the bar, name and value in turn: `set_postfix("loss", 1.25, "accuracy", 0.5)`. Shown when the bar
  /// is drawn next.
  template <class... NamesAndValues>
  void set_postfix(const NamesAndValues&... names_and_values) {
    static_assert(sizeof...(NamesAndValues) % 2 == 0, "a name and a value in turn");
    postfix_.clear();
    (append_postfix(names_and_values), ...);
  }

  /// One step is done.
  LOCKSTEP_ON_DEMAND void advance() {
    ++done_;
    if (!open_) return;
    const auto now = Clock::now();
    const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(1000);
    const std::int64_t total = options_.total_steps;
    const bool tenth = total > 0 && done_ * 10 / total != (done_ - 1) * 10 / total;
    const bool due = terminal_ || tenth || now - drawn_ > std::chrono::seconds(30);
    if (done_ == total || (due && now - drawn_ >= pause)) draw(now);
  }

  /// Writes a line to standard output without disturbing the bar.
  LOCKSTEP_ON_DEMAND void print(std::string_view line) {
    if (!enabled_) return;
    if (terminal_ && open_) std::fputs("\r\x1b[K", stderr);
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
    if (terminal_ && open_ && drawn_done_ >= 0) draw(Clock::now());
  }

  /// Ends the line; called by the destructor too.
  void close() {
    if (!open_) return;
    if (drawn_done_ != done_) draw(Clock::now());
    if (terminal_) std::fputc('\n', stderr);
    open_ = false;
  }

  std::int64_t done() const { return done_; }
  std::int64_t total() const { return options_.total_steps; }

 private:
  using Clock = std::chrono::steady_clock;

  /// A line of text that is cut, not grown.
  class Text {
   public:
    void clear() { length_ = 0; }
    std::string_view view() const { return {text_, length_}; }
    void append(std::string_view part) {
      const std::size_t count = std::min(part.size(), sizeof text_ - length_);
      std::copy_n(part.data(), count, text_ + length_);
      length_ += count;
    }
    void append(std::size_t count, char c) {
      for (; count > 0; --count) append(std::string_view(&c, 1));
    }
    template <class... Arguments>
    void format(const char* pattern, Arguments... arguments) {
      char part[64];
      const int length = std::snprintf(part, sizeof part, pattern, arguments...);
      if (length > 0) append(std::string_view(part, std::min(static_cast<std::size_t>(length), sizeof part - 1)));
    }

   private:
    char text_[256];
    std::size_t length_ = 0;
  };

  LOCKSTEP_ON_DEMAND void append_postfix(std::string_view name) {
    postfix_.append("  ");
    postfix_.append(name);
  }
  template <std::integral Number>
  void append_postfix(Number value) {
    postfix_.format(" %lld", static_cast<long long>(value));
  }
  template <std::floating_point Number>
  void append_postfix(Number value) {
    postfix_.format(" %#.4g", static_cast<double>(value));
  }

  LOCKSTEP_ON_DEMAND void draw(Clock::time_point now) {
    drawn_ = now;
    drawn_done_ = done_;
    const std::int64_t total = options_.total_steps;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double rate = elapsed > 0 ? static_cast<double>(done_ - options_.first_step) / elapsed : 0;
    Text numbers;
    numbers.format(" %lld/%lld", static_cast<long long>(done_), static_cast<long long>(total));
    numbers.append(postfix_.view());
    append_rate(numbers, rate * static_cast<double>(options_.items_per_step));
    if (done_ < total && rate > 0) {
      append_time(numbers, static_cast<double>(total - done_) / rate);
      numbers.append(" left");
    } else {
      append_time(numbers, elapsed);
    }
    Text line;
    line.append(options_.description);
    line.format(" %3d%%", static_cast<int>(total > 0 ? done_ * 100 / total : 100));
    if (terminal_) {
      const std::size_t columns = terminal_columns();
      append_bar(line, numbers.view().size(), columns);
      line.append(numbers.view());
      const std::string_view shown = line.view().substr(0, columns - 1);  // a line that wraps could not be redrawn
      std::fprintf(stderr, "\r%.*s\x1b[K", static_cast<int>(shown.size()), shown.data());
    } else {
      line.append(numbers.view());
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.view().size()), line.view().data());
    }
    std::fflush(stderr);
  }

  LOCKSTEP_ON_DEMAND static std::size_t terminal_columns() {
    winsize window{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    return known ? window.ws_col : 80;
  }

  /// The bar takes the room that the rest leaves.
  LOCKSTEP_ON_DEMAND void append_bar(Text& line, std::size_t rest, std::size_t columns) const {
    const std::size_t used = line.view().size() + rest + 4;
    if (columns < used + 5) return;
    const auto width = static_cast<std::int64_t>(std::min<std::size_t>(columns - used, 30));
    const std::int64_t total = options_.total_steps;
    const std::int64_t filled = total > 0 ? std::clamp<std::int64_t>(done_ * width / total, 0, width) : width;
    line.append(" [");
    line.append(static_cast<std::size_t>(filled), '=');
    if (filled < width) line.append(">");
    if (filled < width) line.append(static_cast<std::size_t>(width - filled - 1), ' ');
    line.append("]");
  }

  /// "  41.2k tokens/s"
  LOCKSTEP_ON_DEMAND void append_rate(Text& text, double rate) const {
    if (rate >= 1e6) {
      text.format("  %.3gM ", rate / 1e6);
    } else if (rate >= 1e4) {
      text.format("  %.3gk ", rate / 1e3);
    } else {
      text.format(rate >= 100 ? "  %.0f " : "  %.3g ", rate);
    }
    text.append(options_.unit);
    text.append("/s");
  }

  /// "  1:05" or "  2:03:09"
  LOCKSTEP_ON_DEMAND static void append_time(Text& text, double seconds) {
    const auto whole = static_cast<long long>(seconds + 0.5);
    if (whole >= 3600) {
      text.format("  %lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
      text.format("  %lld:%02lld", whole / 60, whole % 60);
    }
  }

  ProgressOptions options_;
  std::int64_t done_;
  std::int64_t drawn_done_ = -1;
  Text postfix_;
  bool enabled_;
  bool open_;
  bool terminal_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
};

/// A loader with a progress bar around it, for one range-for: the rest of an epoch, or ProgressOptions::total_steps
/// steps. When they are done, or the loop is left, the loader's position is behind the last batch.
template <class Loader>
class ProgressRange {
  struct Epoch {
    explicit Epoch(Loader& loader) : batch(loader.begin()) {}
    decltype(std::declval<Loader&>().begin()) batch;
  };

 public:
  class Iterator {
   public:
    explicit Iterator(ProgressRange& range) : range_(&range) {
      if (!range_->complete()) start_epoch();
    }
    Iterator(const Iterator&) = delete;
    Iterator& operator=(const Iterator&) = delete;
    ~Iterator() { range_->bar_.close(); }

    auto& operator*() const { return *epoch_->batch; }
    Iterator& operator++() {
      range_->bar_.advance();
      if (range_->complete()) {
        epoch_.reset();
        return *this;
      }
      ++epoch_->batch;
      if (!(epoch_->batch == std::default_sentinel)) return *this;
      epoch_.reset();
      if (range_->several_epochs_) start_epoch();
      return *this;
    }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) { return !iterator.epoch_; }

   private:
    void start_epoch() {
      epoch_.emplace(*range_->loader_);
      if (epoch_->batch == std::default_sentinel) epoch_.reset();  // this rank has no batch at all
    }

    ProgressRange* range_;
    std::optional<Epoch> epoch_;
  };

  ProgressRange(Loader& loader, const ProgressOptions& options, bool enabled)
      : loader_(&loader), several_epochs_(options.total_steps > 0), bar_(resolved(loader, options), enabled) {}

  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

  /// Numbers behind the bar, name and value in turn.
  template <class... NamesAndValues>
  void set_postfix(const NamesAndValues&... names_and_values) {
    bar_.set_postfix(names_and_values...);
  }

  /// Prints a line on rank 0 without disturbing the bar.
  template <class... Parts>
  void print(const Parts&... parts) {
    bar_.print(concat(parts...));
  }

 private:
  bool complete() const { return bar_.done() >= bar_.total(); }

  static ProgressOptions resolved(Loader& loader, ProgressOptions options) {
    if (options.total_steps > 0) return options;
    options.total_steps = loader.steps_per_epoch();
    options.first_step = loader.position().step;
    return options;
  }

  Loader* loader_;
  bool several_epochs_;
  ProgressBar bar_;
};

}  // namespace lockstep
