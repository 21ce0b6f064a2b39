package price

// Usage is what a request used. Parts are contained: Input is all input,
// cached, heard and seen input included, and Output all output, reasoning
// included. CacheWrite1h is a part of CacheWrite, CacheAudioRead one of both
// CacheRead and InputAudio, CacheImageRead one of both CacheRead and
// InputImage. A request is one of Requests, which some providers charge for
// beside the tokens. Counts below 0 are 0.
type Usage struct {
	Input, Output                           int64
	CacheRead, CacheWrite, CacheWrite1h     int64
	InputAudio, OutputAudio, CacheAudioRead int64
	InputImage, OutputImage, CacheImageRead int64
	InputVideo, OutputVideo                 int64
	OutputReasoning, OutputCitation         int64
	WebSearches, Requests                   int64
}
