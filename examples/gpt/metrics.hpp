// metrics.jsonl: one JSON object per logged step and evaluation; also kept in memory for the loss curve.
#pragma once

#include <lockstep/io/file_operations.hpp>
#include <lockstep/io/json_writer.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gpt {

/// One point of a curve.
struct Point {
  std::int64_t step;
  double bits_per_byte;
};

/// A nat is 1.44 bits; losses are nats per byte.
inline double bits(double nats) { return nats / std::log(2.0); }

/// The record of a run.
class Metrics {
 public:
  /// Nothing is recorded: for all ranks but one.
  Metrics() = default;

  /// Starts the file, or with `resume` goes on with the one there, from which lines after `step` are dropped.
  Metrics(const std::string& path, bool resume, std::int64_t step) : path_(path) {
    std::string kept;
    if (resume && lockstep::path_exists(path_)) kept = keep_until(lockstep::read_file(path_), step);
    file_ = lockstep::open_file(path_ + ".new", O_WRONLY | O_CREAT | O_TRUNC);
    lockstep::write_all(file_, kept.data(), kept.size(), path_);
    lockstep::rename_path(path_ + ".new", path_);
  }

  void add_step(std::int64_t step, double loss, double learning_rate, double gradient_norm, double tokens_per_second) {
    training_.push_back({step, bits(loss)});
    write(step, {{"loss", loss},
                 {"learning_rate", learning_rate},
                 {"gradient_norm", gradient_norm},
                 {"tokens_per_second", tokens_per_second}});
  }

  void add_evaluation(std::int64_t step, double loss) {
    if (!held_out_.empty() && held_out_.back().step == step) return;  // of a finished run that is resumed
    held_out_.push_back({step, bits(loss)});
    write(step, {{"held_out_loss", loss}, {"held_out_bits_per_byte", bits(loss)}});
  }

  const std::vector<Point>& training() const { return training_; }
  const std::vector<Point>& held_out() const { return held_out_; }
  const std::string& path() const { return path_; }

 private:
  void write(std::int64_t step, std::initializer_list<std::pair<std::string_view, double>> values) {
    if (!file_) return;
    lockstep::JsonWriter json;
    json.begin_object();
    json.key("step");
    json.value(step);
    for (const auto& [name, value] : values) {
      json.key(name);
      json.value(value);
    }
    json.key("seconds");
    json.value(earlier_seconds_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
    json.end_object();
    const std::string line = json.text() + "\n";
    lockstep::write_all(file_, line.data(), line.size(), path_);
  }

  /// The value of a key in a line that `write` made, or NaN.
  static double find(const std::string& line, const char* key) {
    const std::string mark = lockstep::concat("\"", key, "\":");
    const std::size_t at = line.find(mark);
    return at == std::string::npos ? std::nan("") : std::strtod(line.c_str() + at + mark.size(), nullptr);
  }

  std::string keep_until(const std::string& text, std::int64_t last_step) {
    std::string kept;
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string line = text.substr(begin, end - begin);
      const double step = find(line, "step");
      if (!(step <= static_cast<double>(last_step))) continue;
      const double loss = find(line, "loss"), held_out_loss = find(line, "held_out_loss");
      if (!std::isnan(loss)) training_.push_back({static_cast<std::int64_t>(step), bits(loss)});
      if (!std::isnan(held_out_loss)) held_out_.push_back({static_cast<std::int64_t>(step), bits(held_out_loss)});
      earlier_seconds_ = find(line, "seconds");
      kept += line + "\n";
    }
    return kept;
  }

  std::string path_;
  lockstep::FileDescriptor file_;
  std::vector<Point> training_, held_out_;
  double earlier_seconds_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace gpt
