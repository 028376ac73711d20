// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"

namespace takt::serve {
namespace {

constexpr size_t kRunTimes = 15;

double Seconds(ServeLoop::Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

ServeLoop::Clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<ServeLoop::Clock::duration>(std::chrono::duration<double>(seconds));
}

uint64_t BytesOf(const Request& request) {
  uint64_t bytes = sizeof(Request) + request.client_id.size() + request.instruction.size();
  for (const Observation& observation : request.observations) {
    bytes += sizeof(Observation) + observation.state.size() * sizeof(float);
    for (const Picture& picture : observation.pictures) {
      bytes += sizeof(Picture) + picture.file.size() + picture.image.pixels.size();
    }
  }
  return bytes;
}

std::string Ms(double seconds) { return fmt::format("{:.3g} ms", seconds * 1e3); }

}  // namespace

ServeLoop::ServeLoop(ServeModel* model, const LoopOptions& options, ServeMetrics* metrics)
    : model_(model), options_(options), metrics_(metrics), info_(model->Info()) {
  if (info_.action_dim < 1 || info_.horizon < 1 || info_.observation_steps < 1 || info_.state_dim < 0) {
    throw Error(ErrorCode::kBadInput, info_.model, "has no actions or no observations");
  }
  if (!(options_.default_deadline_ms > 0 && options_.default_deadline_ms <= 3600e3)) {
    throw Error(ErrorCode::kBadInput, "the default deadline", "is not between 0 and 3600000 ms");
  }
  if (options_.max_clients < 1) throw Error(ErrorCode::kBadInput, "the number of clients", "is 0");
  worker_ = std::thread([this] { Work(); });
  watcher_ = std::thread([this] { WatchDeadlines(); });
}

ServeLoop::~ServeLoop() { Stop(); }

uint64_t ServeLoop::NewOwner() {
  const std::lock_guard lock(mutex_);
  return ++owners_;
}

ServeLoop::Done ServeLoop::Answered(Job job, Status status, std::string message) {
  Reply reply;
  reply.client_id = std::move(job.request.client_id);
  reply.sequence = job.request.sequence;
  reply.status = status;
  reply.message = std::move(message);
  return {std::move(job.answer), std::move(reply)};
}

void ServeLoop::Finish(const DoneList& done) {
  for (const Done& d : done) {
    metrics_->CountAnswer(d.reply.status);
    d.answer(d.reply);
  }
}

void ServeLoop::RefuseUnread(const std::string& field, const std::string& message, const Answer& answer) {
  Reply reply;
  reply.status = Status::kBadInput;
  reply.field = field;
  reply.message = message;
  metrics_->CountReceived();
  metrics_->CountAnswer(reply.status);
  answer(reply);
}

double ServeLoop::EstimateS() const {
  if (run_times_s_.empty()) return 0;
  std::vector<double> times(run_times_s_.begin(), run_times_s_.end());
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return doubt_ * times[times.size() / 2];
}

ServeLoop::Clock::time_point ServeLoop::LatestStart(const Job& job) const {
  return job.deadline - Duration(EstimateS());
}

void ServeLoop::Doubt(const Job& refused, Clock::time_point now) {
  if (!running_ && now <= refused.deadline) doubt_ *= 0.9;
}

ServeLoop::Client* ServeLoop::FindOrAdd(const std::string& id) {
  auto found = clients_.find(id);
  if (found == clients_.end()) {
    if (clients_.size() >= options_.max_clients) {
      auto oldest = clients_.end();
      for (auto it = clients_.begin(); it != clients_.end(); ++it) {
        const bool is_busy = it->second.pending || (running_ && running_->client == &it->second);
        if (!is_busy && (oldest == clients_.end() || it->second.last_used < oldest->second.last_used)) oldest = it;
      }
      if (oldest == clients_.end()) return nullptr;
      if (oldest->second.is_known_to_model) to_forget_.push_back(oldest->first);
      clients_.erase(oldest);
    }
    found = clients_.emplace(id, Client{}).first;
    found->second.id = id;
  }
  found->second.last_used = ++uses_;
  return &found->second;
}

void ServeLoop::DropPending(Client* client, Status status, const std::string& message, DoneList* done) {
  if (!client->pending) return;
  pending_bytes_ -= client->pending->bytes;
  done->push_back(Answered(std::move(*client->pending), status, message));
  client->pending.reset();
  turns_.erase(std::find(turns_.begin(), turns_.end(), client));
}

void ServeLoop::DropRunning(Status status, const std::string& message, DoneList* done) {
  if (!running_ || !running_->answer) return;
  Reply reply;
  reply.client_id = running_->client_id;
  reply.sequence = running_->sequence;
  reply.status = status;
  reply.message = message;
  done->push_back({std::move(*running_->answer), std::move(reply)});
  running_->answer.reset();
}

void ServeLoop::Submit(Request request, uint64_t owner, Clock::time_point received, Answer answer) {
  metrics_->CountReceived();
  DoneList done;
  Job job;
  job.answer = std::move(answer);
  job.owner = owner;
  job.received = received;
  try {
    CheckRequest(info_, &request);
    job.bytes = BytesOf(request);
    job.request = std::move(request);
    const std::lock_guard lock(mutex_);
    Admit(std::move(job), &done);
  } catch (const Error& error) {
    job.request = std::move(request);
    done.push_back(Answered(std::move(job), Status::kBadInput, error.message()));
    done.back().reply.field = error.subject();
  }
  Finish(done);
}

void ServeLoop::Admit(Job job, DoneList* done) {
  const auto refuse = [&](Status status, std::string message) {
    done->push_back(Answered(std::move(job), status, std::move(message)));
  };
  if (is_stopping_) return refuse(Status::kShuttingDown, "the server is shutting down");
  Client* const client = FindOrAdd(job.request.client_id);
  if (client == nullptr) {
    return refuse(Status::kOverloaded, fmt::format("{} clients wait already", options_.max_clients));
  }
  if (job.request.reset) {
    // Nothing of the old episode counts any more, and the model hears of the new one even if this request is refused.
    DropPending(client, Status::kSuperseded, "the client began a new episode", done);
    if (running_ && running_->client == client) {
      DropRunning(Status::kSuperseded, "the client began a new episode", done);
    }
    client->owes_reset = true;
    client->newest_sequence.reset();
  }
  if (client->newest_sequence && job.request.sequence <= *client->newest_sequence) {
    return refuse(Status::kSuperseded,
                  fmt::format("sequence {} is not newer than {}; a client that starts again sends reset",
                              job.request.sequence, *client->newest_sequence));
  }
  const uint64_t freed_bytes = client->pending ? client->pending->bytes : 0;
  if (pending_bytes_ - freed_bytes + job.bytes > options_.max_pending_bytes) {
    return refuse(Status::kOverloaded, fmt::format("{} bytes wait already", pending_bytes_));
  }
  const double given_ms = job.request.deadline_ms;
  job.deadline = job.received + Duration((given_ms > 0 ? given_ms : options_.default_deadline_ms) * 1e-3);
  const Clock::time_point now = Clock::now();
  const Clock::time_point latest = LatestStart(job);
  if (latest < now) {
    const double left_s = Seconds(job.deadline - now), estimate_s = EstimateS();
    Doubt(job, now);
    return refuse(Status::kDeadlineExceeded,
                  fmt::format("{} are left; an inference usually takes {}", Ms(left_s), Ms(estimate_s)));
  }
  if (running_ && running_->start + Duration(EstimateS()) > latest) {
    return refuse(Status::kDeadlineExceeded, fmt::format("{} are left, and an inference that usually takes {} runs",
                                                         Ms(Seconds(job.deadline - now)), Ms(EstimateS())));
  }

  client->newest_sequence = job.request.sequence;
  pending_bytes_ = pending_bytes_ - freed_bytes + job.bytes;
  if (client->pending) {  // keeps its turn
    done->push_back(Answered(std::move(*client->pending), Status::kSuperseded,
                             fmt::format("sequence {} took its place", job.request.sequence)));
  } else {
    turns_.push_back(client);
  }
  client->pending = std::move(job);
  work_.notify_one();
  if (latest < next_watch_) watch_.notify_one();
}

void ServeLoop::Cancel(uint64_t owner) {
  DoneList done;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, client] : clients_) {
      if (client.pending && client.pending->owner == owner) {
        DropPending(&client, Status::kCancelled, "the client left", &done);
      }
    }
    if (running_ && running_->owner == owner) DropRunning(Status::kCancelled, "the client left", &done);
  }
  Finish(done);
}

void ServeLoop::Stop() {
  DoneList done;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (auto& [id, client] : clients_) {
      DropPending(&client, Status::kShuttingDown, "the server is shutting down", &done);
    }
  }
  work_.notify_all();
  Finish(done);
  if (worker_.joinable()) worker_.join();
  watch_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

Health ServeLoop::GetHealth() const {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  Health health;
  health.uptime_s = Seconds(now - begin_);
  health.estimate_ms = run_times_s_.empty() ? std::numeric_limits<double>::quiet_NaN() : EstimateS() * 1e3;
  health.clients = static_cast<uint32_t>(clients_.size());
  health.pending = static_cast<uint32_t>(turns_.size());
  const bool is_stuck = running_ && Seconds(now - running_->start) > options_.stuck_after_s;
  health.state = is_stopping_ ? "stopping" : is_stuck ? "stuck" : has_failed_ ? "failing" : "serving";
  health.is_serving = health.state == "serving";
  return health;
}

Reply ServeLoop::Run(Request* request) {
  Reply reply;
  reply.client_id = request->client_id;
  reply.sequence = request->sequence;
  reply.status = Status::kModelError;
  try {
    try {
      DecodePictures(request);
    } catch (const Error& error) {  // also of what is not supported: the client can send something else
      throw Error(ErrorCode::kBadInput, error.subject(), error.message());
    }
    std::vector<float> actions = model_->Act(*request);
    const size_t dim = static_cast<size_t>(info_.action_dim);
    if (actions.empty() || actions.size() % dim != 0 || actions.size() / dim > static_cast<size_t>(info_.horizon)) {
      reply.message = fmt::format("the model gave {} numbers; {} for each of 1 to {} actions are wanted",
                                  actions.size(), dim, info_.horizon);
      return reply;
    }
    const auto bad = std::find_if(actions.begin(), actions.end(), [](float a) { return !std::isfinite(a); });
    if (bad != actions.end()) {
      const size_t at = static_cast<size_t>(bad - actions.begin());
      reply.status = Status::kNonFinite;
      reply.message = fmt::format("the model gave {} in action {}, number {}", *bad, at / dim, at % dim);
      return reply;
    }
    reply.status = Status::kOk;
    reply.action_dim = info_.action_dim;
    reply.action_steps = static_cast<int>(actions.size() / dim);
    reply.actions = std::move(actions);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBadInput) {
      reply.status = Status::kBadInput;
      reply.field = error.subject();
      reply.message = error.message();
    } else {
      reply.message = error.what();
    }
  } catch (const std::exception& error) {
    reply.message = error.what();
  } catch (...) {
    reply.message = "the model failed";
  }
  return reply;
}

void ServeLoop::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return is_stopping_ || !turns_.empty(); });
    if (is_stopping_) return;
    Client* const client = turns_.front();
    const Clock::time_point start = Clock::now();
    DoneList done;
    if (LatestStart(*client->pending) < start) {
      Doubt(*client->pending, start);
      DropPending(client, Status::kDeadlineExceeded, "its turn came too late", &done);
      lock.unlock();
      Finish(done);
      lock.lock();
      continue;
    }
    turns_.pop_front();
    Job job = std::move(*client->pending);
    client->pending.reset();
    pending_bytes_ -= job.bytes;
    const bool is_reset = std::exchange(client->owes_reset, false);
    job.request.reset = is_reset;
    client->is_known_to_model = true;
    running_ = Running{
        client, std::move(job.answer), job.request.client_id, job.request.sequence, job.owner, job.deadline, start};
    if (job.deadline < next_watch_) watch_.notify_one();
    const std::vector<std::string> to_forget = std::exchange(to_forget_, {});
    lock.unlock();

    for (const std::string& id : to_forget) model_->Forget(id);
    Reply reply = Run(&job.request);
    const Clock::time_point end = Clock::now();
    const double policy_s = Seconds(end - start), queue_s = Seconds(start - job.received);
    reply.policy_ms = policy_s * 1e3;
    reply.queue_ms = queue_s * 1e3;
    const double now_s = WallSeconds();
    metrics_->AddQueue(queue_s, now_s);
    metrics_->AddInference(policy_s, now_s);

    lock.lock();
    has_failed_ = reply.status == Status::kNonFinite || reply.status == Status::kModelError;
    if (reply.status != Status::kOk && is_reset) client->owes_reset = true;  // who knows how far the model came
    if (reply.status == Status::kOk) {
      run_times_s_.push_back(policy_s);
      if (run_times_s_.size() > kRunTimes) run_times_s_.pop_front();
      doubt_ = 1;
    }
    if (reply.status == Status::kOk && end > running_->deadline) {
      DropRunning(Status::kDeadlineExceeded, fmt::format("the inference took {}", Ms(policy_s)), &done);
    }
    const bool is_wanted = running_->answer.has_value();
    if (is_wanted) done.push_back({std::move(*running_->answer), std::move(reply)});
    running_.reset();
    lock.unlock();
    if (is_wanted && done.back().reply.status == Status::kOk) {
      metrics_->AddTotal(Seconds(Clock::now() - job.received), now_s);
    }
    Finish(done);
    lock.lock();
  }
}

void ServeLoop::WatchDeadlines() {
  std::unique_lock lock(mutex_);
  while (!(is_stopping_ && !running_)) {
    const Clock::time_point now = Clock::now();
    DoneList done;
    Clock::time_point next = Clock::time_point::max();
    std::vector<Client*> late;
    for (Client* client : turns_) {
      const Clock::time_point latest = LatestStart(*client->pending);
      if (latest < now)
        late.push_back(client);
      else
        next = std::min(next, latest);
    }
    for (Client* client : late) {
      Doubt(*client->pending, now);
      DropPending(client, Status::kDeadlineExceeded, "its turn did not come in time", &done);
    }
    if (running_ && running_->answer) {
      if (running_->deadline < now)
        DropRunning(Status::kDeadlineExceeded, "the inference took too long", &done);
      else
        next = std::min(next, running_->deadline);
    }
    if (!done.empty()) {
      lock.unlock();
      Finish(done);
      lock.lock();
      continue;
    }
    next_watch_ = next;
    if (next == Clock::time_point::max())
      watch_.wait(lock);
    else
      watch_.wait_until(lock, next + std::chrono::microseconds(1));
    next_watch_ = Clock::time_point::min();  // awake: nobody has to call
  }
}

}  // namespace takt::serve
