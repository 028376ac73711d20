// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/chat.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/io/chat_test_server.h"
#include "takt/core/io/http.h"

namespace takt {
namespace {

using Clock = std::chrono::steady_clock;

const std::vector<ChatMessage> kMessages = {{"system", "You make scenes."}, {"user", "A bench, \xC3\xBC"}};
constexpr std::string_view kSchema = R"({"type": "object"})";

struct Outcome {
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
  double seconds = 0;
};

Outcome Fails(const ChatEndpoint& endpoint) {
  const Clock::time_point start = Clock::now();
  Outcome outcome;
  try {
    Chat(endpoint, kMessages, "scene", kSchema);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    outcome.code = error.code();
    outcome.text = error.subject() + ": " + error.message() + " | " + error.hint();
  }
  outcome.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return outcome;
}

TEST(Chat, AsksAndAnswers) {
  nlohmann::json asked;
  std::string authorization;
  ChatTestServer server([&](const httplib::Request& request, httplib::Response& response) {
    asked = nlohmann::json::parse(request.body);
    authorization = request.get_header_value("Authorization");
    response.set_content(ChatTestServer::Says("hello", "length"), "application/json");
  });
  const ChatAnswer answer =
      Chat({.url = server.Url() + "/", .model = "m", .api_key = "k3y"}, kMessages, "scene", kSchema);
  EXPECT_EQ(answer.content, "hello");
  EXPECT_TRUE(answer.was_cut);
  EXPECT_TRUE(answer.used_schema);
  EXPECT_EQ(answer.requests, 1);
  EXPECT_EQ(authorization, "Bearer k3y");
  EXPECT_EQ(asked["model"], "m");
  EXPECT_EQ(asked["messages"][1]["content"], kMessages[1].content);
  EXPECT_EQ(asked["response_format"]["json_schema"]["schema"]["type"], "object");
}

TEST(Chat, AsksWithoutTheSchemaWhereItIsRefused) {
  ChatTestServer server([&](const httplib::Request& request, httplib::Response& response) {
    if (request.body.find("response_format") != std::string::npos) {
      response.status = 400;
      response.set_content(R"({"error": {"message": "response_format is not supported"}})", "application/json");
    } else {
      response.set_content(ChatTestServer::Says("plain"), "application/json");
    }
  });
  const ChatAnswer answer = Chat({.url = server.Url()}, kMessages, "scene", kSchema);
  EXPECT_EQ(answer.content, "plain");
  EXPECT_FALSE(answer.used_schema);
  EXPECT_EQ(answer.requests, 2);
}

TEST(Chat, WaitsAndTriesAgain) {
  int count = 0;
  ChatTestServer server([&](const httplib::Request&, httplib::Response& response) {
    if (++count < 3) {
      response.status = count == 1 ? 429 : 503;
      response.set_header("Retry-After", "0");
    } else {
      response.set_content(ChatTestServer::Says("at last"), "application/json");
    }
  });
  EXPECT_EQ(Chat({.url = server.Url()}, kMessages).requests, 3);
}

TEST(Chat, BadAnswersAreErrors) {
  struct Case {
    int status;
    std::string body, says;
    ErrorCode code;
  };
  for (const Case& c : {
           Case{200, "<html>Welcome</html>", "no JSON object", ErrorCode::kIo},
           Case{200, "{\"choices\": [{\"mess", "no JSON object", ErrorCode::kIo},
           Case{200, "{\"choices\": []}", "without choices", ErrorCode::kIo},
           Case{200, "{\"choices\": [{\"text\": 1}]}", "without a message", ErrorCode::kIo},
           Case{200, R"({"choices": [{"message": {"content": null}}]})", "empty message", ErrorCode::kIo},
           Case{200, std::string(100000, '['), "no JSON object", ErrorCode::kIo},
           Case{200, "", "no JSON object", ErrorCode::kIo},
           Case{401, R"({"error": {"message": "Incorrect API key provided: s3cret"}})",
                "status 401: Incorrect API key provided: ...", ErrorCode::kBadInput},
           Case{404, "not here", "status 404: not here", ErrorCode::kBadInput},
           Case{302, "", "redirects are not followed", ErrorCode::kIo},
           Case{418, "teapot", "status 418", ErrorCode::kIo},
       }) {
    ChatTestServer server([&](const httplib::Request&, httplib::Response& response) {
      response.status = c.status;
      if (c.status == 302) response.set_header("Location", "http://127.0.0.1:1/v1/chat/completions");
      response.set_content(c.body, "text/plain");
    });
    const Outcome outcome = Fails({.url = server.Url(), .api_key = "s3cret", .timeout_s = 5});
    EXPECT_EQ(outcome.code, c.code) << outcome.text;
    EXPECT_NE(outcome.text.find(c.says), std::string::npos) << outcome.text;
    EXPECT_EQ(outcome.text.find("s3cret"), std::string::npos) << outcome.text;
    EXPECT_LT(outcome.text.size(), 600u);
    EXPECT_LT(outcome.seconds, 4);
  }
}

TEST(Chat, RetriesEndWithTheDeadline) {
  ChatTestServer busy([&](const httplib::Request&, httplib::Response& response) { response.status = 500; });
  const Outcome outcome = Fails({.url = busy.Url(), .timeout_s = 1.2});
  EXPECT_LT(outcome.seconds, 2.2);
  EXPECT_NE(outcome.text.find("status 500; asked 2 times"), std::string::npos) << outcome.text;
  ChatTestServer later([&](const httplib::Request&, httplib::Response& response) {
    response.status = 429;
    response.set_header("Retry-After", "3600");
  });
  const Outcome at_once = Fails({.url = later.Url(), .timeout_s = 5});
  EXPECT_LT(at_once.seconds, 1);
  EXPECT_EQ(later.Requests(), 1);
}

TEST(Chat, HugeAndCutBodiesAreRefused) {
  ChatTestServer huge([&](const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider("application/json", [](size_t, httplib::DataSink& sink) {
      const std::string block(65536, ' ');
      return sink.write(block.data(), block.size());
    });
  });
  const Outcome outcome = Fails({.url = huge.Url(), .timeout_s = 20, .max_answer_bytes = 1 << 20});
  EXPECT_NE(outcome.text.find("more than 1048576 bytes"), std::string::npos) << outcome.text;
  ChatTestServer lying([&](const httplib::Request&, httplib::Response& response) {
    response.set_content_provider(100000, "application/json", [](size_t, size_t, httplib::DataSink& sink) {
      sink.write("{\"choices\": ", 12);
      return false;
    });
  });
  const Outcome cut = Fails({.url = lying.Url(), .timeout_s = 3});
  EXPECT_EQ(cut.code, ErrorCode::kIo) << cut.text;
  EXPECT_LT(cut.seconds, 4);
}

// Answers each connection with what `serve` writes.
class RawServer {
 public:
  explicit RawServer(std::function<void(int)> serve) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 4) != 0) abort();
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve] {
      for (int connection; (connection = accept(listener_, nullptr, nullptr)) >= 0; close(connection))
        serve(connection);
    });
  }
  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    close(listener_);
    thread_.join();
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

 private:
  int listener_, port_ = 0;
  std::thread thread_;
};

// Writes `text` a byte at a time until the other side has gone.
void Drip(int connection, const std::string& text) {
  for (size_t i = 0; i < 200; ++i) {
    if (send(connection, &text[i % text.size()], 1, MSG_NOSIGNAL) != 1) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

TEST(Chat, DeadlinesAreKeptWhateverTheServerDoes) {
  const RawServer silent([](int connection) {
    char byte;
    while (recv(connection, &byte, 1, 0) == 1) {
    }
  });
  const RawServer dripping_headers([](int connection) { Drip(connection, "HTTP/1.1 200 OK\r\nX-A: b\r\n"); });
  const RawServer dripping_body([](int connection) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    (void)send(connection, head.data(), head.size(), MSG_NOSIGNAL);
    Drip(connection, " ");
  });
  const RawServer endless_line([](int connection) { Drip(connection, "HTTP/1.1 200 OK and so on and on and on"); });
  for (const RawServer* server : {&silent, &dripping_headers, &dripping_body, &endless_line}) {
    const Outcome outcome = Fails({.url = server->Url(), .timeout_s = 0.7});
    EXPECT_EQ(outcome.code, ErrorCode::kIo);
    EXPECT_NE(outcome.text.find("gave no whole answer within"), std::string::npos) << outcome.text;
    EXPECT_LT(outcome.seconds, 1.7);
    EXPECT_GT(outcome.seconds, 0.5);
  }
  const RawServer hanging_up([](int) {});
  EXPECT_EQ(Fails({.url = hanging_up.Url(), .timeout_s = 5}).code, ErrorCode::kIo);
}

TEST(Chat, NobodyThere) {
  const Outcome outcome = Fails({.url = "http://127.0.0.1:1/v1", .timeout_s = 5});
  EXPECT_EQ(outcome.code, ErrorCode::kIo);
  EXPECT_NE(outcome.text.find("http://127.0.0.1:1/v1/chat/completions: cannot be reached"), std::string::npos)
      << outcome.text;
}

TEST(Url, SaysWhatIsWrong) {
  EXPECT_EQ(ParseUrl("https://a.example:8443/v1/").path, "/v1");
  EXPECT_EQ(ParseUrl("http://[::1]:80").origin, "http://[::1]:80");
  for (const char* bad : {"", "ftp://a", "localhost:80", "http://", "http:///v1", "http://u:p@host/v1",
                          "http://a/v1?x=1", "http://a/v1#x", "http://a b/", "http://a/\r\nX: y"}) {
    EXPECT_THROW(ParseUrl(bad), Error) << bad;
  }
  try {
    ParseUrl("http://me:s3cret@host/v1");
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos);
  }
}

TEST(Chat, KeysComeFromTheEnvironment) {
  EXPECT_EQ(ApiKeyFromEnv(""), "");
  setenv("TAKT_TEST_KEY", "abc", 1);
  EXPECT_EQ(ApiKeyFromEnv("TAKT_TEST_KEY"), "abc");
  setenv("TAKT_TEST_KEY", "abc\n", 1);
  EXPECT_THROW(ApiKeyFromEnv("TAKT_TEST_KEY"), Error);
  unsetenv("TAKT_TEST_KEY");
  EXPECT_THROW(ApiKeyFromEnv("TAKT_TEST_KEY"), Error);
}

}  // namespace
}  // namespace takt
