// The program `lockstep`: reads the command line and hands over.
#include "environment_report.hpp"
#include "launch.hpp"
#include "secret_file.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr const char* main_help = R"(Examples:
  lockstep launch -n 4 ./train               four ranks of ./train on this host
  lockstep launch -n 4 ./train --epochs 10   what follows the program belongs to it
  lockstep secret job.secret                 makes the file that the hosts of a job share
  lockstep env                               which launcher, rank and host a program here would see, and from where

A program built with lockstep runs as well without a launcher (one rank), and under torchrun, mpirun and srun.)";

constexpr const char* launch_help = R"(Examples:
  lockstep launch -n 2 ./train --batch-size 64
  lockstep launch -n 2 --timeout 3600 --log-dir logs -- ./train
  lockstep launch -n 2 --max-restarts 3 ./train
  lockstep launch -n 2 torchrun-style-program   RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT are set, too

Two hosts, four ranks on each:
  lockstep secret job.secret && scp -p job.secret second:    then, on the first and on the second host:
  lockstep launch -n 4 --nnodes 2 --node-rank 0 --master-addr first --secret-file job.secret ./train
  lockstep launch -n 4 --nnodes 2 --node-rank 1 --master-addr first --secret-file job.secret ./train
All hosts must be given the same -n, --nnodes, --master-addr, --master-port, --job-id and --max-restarts. Launchers do
not talk to each other: they agree on the name of the job by a hash of the secret, address, port, --job-id and restart
count, and learn of a failure elsewhere through their ranks, which end with an error when a peer is gone. Give jobs that
share a secret, address and port a --job-id each.

Output: lines of rank 0 as they are, lines of the others after "[rank 1] ". Rank 0 keeps the terminal, so a progress
bar works, unless --log-dir is given. Rank 0 reads standard input where it is no terminal; the others read nothing.

When a rank fails the others get SIGTERM, then SIGKILL after the grace time, and one line says which rank was the first.
With --max-restarts all ranks are then started again, under a new job id, with LOCKSTEP_RESTART_COUNT (and torchrun's
TORCHELASTIC_RESTART_COUNT) set; the program is to go on from its last checkpoint. On several hosts each launcher
restarts its own ranks, which meet again when all hosts have restarted equally often: that is so when a failure on one
host makes the ranks on every host fail once. A host whose ranks have already ended well does not start them again, and
its peers give up when the time they wait for it has passed.

SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to all ranks and end the restarts; a second one kills the ranks. If the
launcher dies, they die.

Exit status: 0 when all ranks return 0; else that of the first rank that failed (128 + N for signal N);
124 when the time is up; 126 or 127 when the program cannot be started; 2 for a wrong command line.)";

constexpr const char* secret_help =
    R"(The ranks of a job prove to each other that they know its secret. On one host 'lockstep launch' makes a new one for every
job; several hosts need the same file, of mode 0600: lockstep secret FILE && scp -p FILE HOST:FILE)";

/// Descriptors 0, 1 and 2 must be open, or a pipe would take their place.
void open_standard_streams() {
  int descriptor = -1;
  do {
    descriptor = ::open("/dev/null", O_RDWR);
  } while (descriptor >= 0 && descriptor <= 2);
  if (descriptor > 2) ::close(descriptor);
}

/// The program and its arguments are what no option takes, so CLI11 cannot know how to show them.
struct LaunchFormatter : CLI::Formatter {
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: lockstep launch -n RANKS [OPTIONS] [--] PROGRAM [ARGUMENTS...]\n";
  }
};

int run(int argc, char** argv) {
  // What stands after "--" is no option of ours, whoever it belongs to.
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto mark = std::find(arguments.begin(), arguments.end(), "--");
  const bool marked = mark != arguments.end();
  const std::vector<std::string> after(marked ? mark + 1 : mark, arguments.end());
  arguments.erase(mark, arguments.end());

  CLI::App app("Starts distributed training programs.", "lockstep");
  app.set_version_flag("--version", "lockstep " LOCKSTEP_CLI_VERSION);
  app.footer(main_help);
  app.require_subcommand(1);

  lockstep::cli::LaunchOptions options;
  CLI::App* launch = app.add_subcommand("launch", "Runs a program as several ranks, on one host or several");
  launch->formatter(std::make_shared<LaunchFormatter>());
  launch->footer(launch_help);
  launch->prefix_command();
  launch
      ->add_option("-n,--ranks", options.ranks,
                   "Ranks (processes) to start on this host; the same number on every host")
      ->type_name("RANKS");
  launch->add_option("--nnodes", options.nodes, "Hosts of the job, with one 'lockstep launch' each (default: 1)")
      ->type_name("HOSTS");
  launch->add_option("--node-rank", options.node_rank, "Which of them this is, counted from 0")->type_name("NUMBER");
  launch->add_option("--master-addr", options.master_address, "Host with --node-rank 0 (one host: 127.0.0.1)")
      ->type_name("HOST");
  launch
      ->add_option("--master-port", options.master_port,
                   "Port for rank 0 to listen at (one host: a free one; several: 29500)")
      ->type_name("PORT");
  launch
      ->add_option("--secret-file", options.secret_file,
                   "File made by 'lockstep secret' (several hosts: LOCKSTEP_SECRET_FILE)")
      ->type_name("FILE");
  launch->add_option("--job-id", options.job_id, "Tells jobs of several hosts apart that share all of these")
      ->type_name("TEXT");
  launch
      ->add_option("--max-restarts", options.max_restarts,
                   "Times to start all ranks again after a failure (default: 0)")
      ->type_name("TIMES");
  launch->add_option("--timeout", options.timeout_seconds, "End the job after this time (default: no limit)")
      ->type_name("SECONDS");
  launch->add_option("--grace", options.grace_seconds, "Time from SIGTERM to SIGKILL (default: 10)")
      ->type_name("SECONDS");
  launch->add_option("--log-dir", options.log_directory, "Also write the output of rank R to DIR/rank-R.log")
      ->type_name("DIR");
  std::string secret_path;
  CLI::App* secret = app.add_subcommand("secret", "Makes a file with a new job secret, for several hosts");
  secret->footer(secret_help);
  secret->add_option("FILE", secret_path, "Must not exist yet")->required();
  CLI::App* environment =
      app.add_subcommand("env", "Shows the launch environment that is detected here, and where each value came from");

  const std::string first = arguments.empty() ? "" : arguments.front();
  if (!first.empty() && first[0] != '-' && first != launch->get_name() && first != secret->get_name() &&
      first != environment->get_name()) {
    throw lockstep::ArgumentError("unknown command '" + first + "'; there are 'launch', 'secret' and 'env'");
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // the order this overload wants
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (secret->parsed()) return lockstep::cli::write_secret_file(secret_path);
  if (environment->parsed()) return lockstep::cli::report_environment();
  options.command = launch->remaining();
  if (marked && !options.command.empty()) options.command.emplace_back("--");  // it came after the program
  options.command.insert(options.command.end(), after.begin(), after.end());
  return lockstep::cli::launch(options);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  try {
    return run(argc, argv);
  } catch (const lockstep::cli::StartError& error) {
    std::fprintf(stderr, "lockstep: %s\n", error.what());
    return error.exit_status;
  } catch (const lockstep::ArgumentError& error) {
    std::fprintf(stderr, "lockstep: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lockstep: %s\n", error.what());
    return 1;
  }
}
