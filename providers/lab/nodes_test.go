package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text string
		want size
		err  string
	}{
		{text: "2c2g", want: size{2, 2048}},
		{text: "16c64g", want: size{16, 65536}},
		{text: "vm-2c4g", want: size{2, 4096}},
		{text: "m5.large", err: `"m5.large" is no size of the lab; write <cores>c<GiB>g, such as 2c2g, or vm-2c2g for a virtual machine`},
		{text: "0c2g", err: `"0c2g" is no size of the lab; write <cores>c<GiB>g, such as 2c2g, or vm-2c2g for a virtual machine`},
		{text: "2c100g", err: `"2c100g" is no size of the lab; write <cores>c<GiB>g, such as 2c2g, or vm-2c2g for a virtual machine`},
		{text: "", err: `"" is no size of the lab; write <cores>c<GiB>g, such as 2c2g, or vm-2c2g for a virtual machine`},
	} {
		t.Run(row.text, func(t *testing.T) {
			t.Parallel()
			got, err := parseSize(row.text)
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}
