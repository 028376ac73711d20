// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/infer/serve/serve_test_model.h"

namespace takt::serve {
namespace {

ServeInfo PictureInfoOf() {
  ServeInfo info = FakeModel().info;
  info.pictures = {{"top", 8, 6}, {"wrist", 0, 0}};
  info.takes_instruction = true;
  return info;
}

Image8 Pattern(int width_px, int height_px, int channels) {
  Image8 image(width_px, height_px, channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 37);
  return image;
}

Request PictureRequest() {
  Request request = MakeRequest("a", 1);
  request.instruction = "go";
  for (Observation& observation : request.observations) {
    observation.pictures = {{"wrist", {}, EncodePng(Pattern(5, 3, 3))}, {"top", Pattern(8, 6, 3), {}}};
  }
  return request;
}

TEST(CheckRequestTest, PutsPicturesInOrder) {
  Request request = PictureRequest();
  CheckRequest(PictureInfoOf(), &request);
  DecodePictures(&request);
  for (const Observation& observation : request.observations) {
    EXPECT_EQ(observation.pictures[0].name, "top");
    EXPECT_EQ(observation.pictures[1].name, "wrist");
    EXPECT_EQ(observation.pictures[1].image.pixels, Pattern(5, 3, 3).pixels);
    EXPECT_TRUE(observation.pictures[1].file.empty());
  }
}

TEST(CheckRequestTest, NamesTheField) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<std::string, std::function<void(Request*)>>> cases = {
      {"client_id", [](Request* r) { r->client_id = ""; }},
      {"client_id", [](Request* r) { r->client_id = std::string(129, 'a'); }},
      {"client_id", [](Request* r) { r->client_id = "a\nb"; }},
      {"deadline_ms", [](Request* r) { r->deadline_ms = -1; }},
      {"deadline_ms", [](Request* r) { r->deadline_ms = std::nan(""); }},
      {"deadline_ms", [](Request* r) { r->deadline_ms = 1e300; }},
      {"instruction", [](Request* r) { r->instruction = ""; }},
      {"instruction", [](Request* r) { r->instruction = std::string(5000, 'a'); }},
      {"observations", [](Request* r) { r->observations.pop_back(); }},
      {"observations", [](Request* r) { r->observations.resize(3); }},
      {"observations[1].state", [](Request* r) { r->observations[1].state.pop_back(); }},
      {"observations[1].state[2]", [=](Request* r) { r->observations[1].state[2] = nan; }},
      {"observations[0].state[0]", [](Request* r) { r->observations[0].state[0] = HUGE_VALF; }},
      {"observations[0].pictures", [](Request* r) { r->observations[0].pictures.pop_back(); }},
      {"observations[0].pictures", [](Request* r) { r->observations[0].pictures[1].name = "left"; }},
      {"observations[1].pictures[\"top\"]",
       [](Request* r) { r->observations[1].pictures[1].image = Pattern(8, 7, 3); }},
      {"observations[1].pictures[\"top\"]",
       [](Request* r) { r->observations[1].pictures[1].image = Pattern(8, 6, 1); }},
      {"observations[1].pictures[\"top\"]", [](Request* r) { r->observations[1].pictures[1].image.pixels.pop_back(); }},
      {"observations[1].pictures[\"top\"]", [](Request* r) { r->observations[1].pictures[1].image = {}; }},
      {"observations[1].pictures[\"top\"]", [](Request* r) { r->observations[1].pictures[1].image.width_px = -8; }},
      {"observations[1].pictures[\"top\"]",
       [](Request* r) { r->observations[1].pictures[1].file = EncodePng(Pattern(6, 8, 3)); }},
      {"observations[0].pictures[\"wrist\"]",
       [](Request* r) {
         r->observations[0].pictures[0].file = {1, 2, 3};
       }},
      {"observations[0].pictures[\"wrist\"]", [](Request* r) { r->observations[0].pictures[0].file.resize(20); }},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    Request request = PictureRequest();
    cases[i].second(&request);
    try {
      CheckRequest(PictureInfoOf(), &request);
      ADD_FAILURE() << "case " << i << " passed";
    } catch (const Error& error) {
      EXPECT_EQ(error.subject(), cases[i].first) << "case " << i << ": " << error.what();
    }
  }
  Request request = MakeRequest("a", 1);
  request.instruction = "ignored?";
  EXPECT_THROW(CheckRequest(FakeModel().info, &request), Error);
}

TEST(DecodePicturesTest, GreyAlphaAndSixteenBits) {
  Image16 deep(2, 1, 3);
  deep.pixels = {0, 65535, 257, 128, 129, 32768};
  Request request = MakeRequest("a", 1);
  request.observations[0].pictures = {{"grey", {}, EncodePng(Pattern(3, 2, 1))},
                                      {"alpha", {}, EncodePng(Pattern(3, 2, 4))},
                                      {"grey alpha", {}, EncodePng(Pattern(3, 2, 2))},
                                      {"deep", {}, EncodePng(deep)},
                                      {"jpeg", {}, EncodeJpeg(Image8(16, 8, 3), 90)}};
  DecodePictures(&request);
  const std::vector<Picture>& pictures = request.observations[0].pictures;
  for (const Picture& picture : pictures) {
    EXPECT_EQ(picture.image.channels, 3);
    EXPECT_EQ(picture.image.pixels.size(), size_t{3} * picture.image.width_px * picture.image.height_px);
  }
  const Image8 grey = Pattern(3, 2, 1), alpha = Pattern(3, 2, 4), grey_alpha = Pattern(3, 2, 2);
  for (size_t i = 0; i < 6; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      EXPECT_EQ(pictures[0].image.pixels[i * 3 + c], grey.pixels[i]);
      EXPECT_EQ(pictures[1].image.pixels[i * 3 + c], alpha.pixels[i * 4 + c]);
      EXPECT_EQ(pictures[2].image.pixels[i * 3 + c], grey_alpha.pixels[i * 2]);
    }
  }
  EXPECT_EQ(pictures[3].image.pixels, (std::vector<uint8_t>{0, 255, 1, 0, 1, 128}));
}

TEST(DecodePicturesTest, DamageNamesTheField) {
  std::vector<uint8_t> png = EncodePng(Pattern(40, 30, 3));
  png.resize(png.size() / 2);
  Request request = PictureRequest();
  request.observations[1].pictures[0].file = png;
  CheckRequest(PictureInfoOf(), &request);  // its header is whole
  try {
    DecodePictures(&request);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.subject(), "observations[1].pictures[\"wrist\"]");
  }
}

}  // namespace
}  // namespace takt::serve
