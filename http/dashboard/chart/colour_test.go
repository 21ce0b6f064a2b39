package chart_test

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/dashboard/chart"
)

// palettes are the colours as they stand together.
var palettes = map[string]struct {
	colours []string
	ground  string
}{
	"light": {append(append([]string{}, chart.Light...), chart.LightRest), chart.LightGround},
	"dark":  {append(append([]string{}, chart.Dark...), chart.DarkRest), chart.DarkGround},
}

func TestEachColourStandsOutFromItsBackground(t *testing.T) {
	t.Parallel()
	for name, p := range palettes {
		for _, c := range p.colours {
			assert.GreaterOrEqual(t, contrast(light(t, c), light(t, p.ground)), 3.0, "%s on %s", c, name)
		}
	}
}

// The least distance in OKLab, times 100, that makes two areas beside each other
// two colours; what the eye just notices is about 2.
const apart = 8

func TestColoursStandApartForColourBlindEyesToo(t *testing.T) {
	t.Parallel()
	for name, p := range palettes {
		for eye, see := range eyes {
			for i, a := range p.colours {
				for _, b := range p.colours[:i] {
					d := 100 * distance(see(light(t, a)), see(light(t, b)))
					assert.GreaterOrEqual(t, d, float64(apart), "%s and %s, %s, %s", a, b, name, eye)
				}
			}
		}
	}
}

func TestTheSheetNamesEachColourOnceForEachScheme(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`\.(s\d|rest)\{fill:#[0-9a-f]{6}\}`).FindAllString(chart.CSS(), -1)
	assert.Len(t, found, len(chart.Light)+len(chart.Dark)+2)
	assert.Equal(t, len(chart.Light), len(chart.Dark))
}

// A colour is linear light: red, green, blue from 0 to 1.
type colour [3]float64

func light(t testing.TB, hex string) (c colour) {
	t.Helper()
	for i := range c {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		v := float64(n) / 255
		if c[i] = v / 12.92; v > 0.04045 {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

func (c colour) times(m [3]colour) (o colour) {
	for i, row := range m {
		o[i] = row[0]*c[0] + row[1]*c[1] + row[2]*c[2]
	}
	return o
}

// contrast is WCAG's ratio.
func contrast(a, b colour) float64 {
	luminance := func(c colour) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	r := luminance(a) / luminance(b)
	return max(r, 1/r)
}

// eyes see linear light as people do, by the matrices of Machado, Oliveira and
// Fernandes (2009) for the whole absence of a kind of cone.
var eyes = map[string]func(colour) colour{
	"all colours": func(c colour) colour { return c },
	"no red": func(c colour) colour {
		return c.times([3]colour{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}})
	},
	"no green": func(c colour) colour {
		return c.times([3]colour{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}})
	},
	"no blue": func(c colour) colour {
		return c.times([3]colour{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}})
	},
}

// distance is Euclid's in OKLab (Ottosson 2020).
func distance(a, b colour) float64 {
	la, lb := oklab(a), oklab(b)
	return math.Hypot(math.Hypot(la[0]-lb[0], la[1]-lb[1]), la[2]-lb[2])
}

func oklab(c colour) colour {
	cones := c.times([3]colour{{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566}, {0.0883024619, 0.2817188376, 0.6299787005}})
	for i := range cones {
		cones[i] = math.Cbrt(max(cones[i], 0))
	}
	return cones.times([3]colour{{0.2104542553, 0.7936177850, -0.0040720468}, {1.9779984951, -2.4285922050, 0.4505937099}, {0.0259040371, 0.7827717662, -0.8086757660}})
}
