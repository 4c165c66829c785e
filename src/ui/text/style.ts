/** Colours text that is already safe. The visible characters and the width never change. */
export type Paint = (text: string) => string;

/**
 * How to write for the place that the text goes to. Colours have meanings, not names, and only support a word that
 * stands beside them: the text without them says the same.
 */
export interface Style {
  /** Columns to fill: the terminal's. Infinite in a pipe: there nothing is cut, broken or left out. */
  readonly width: number;
  /** False: ASCII only. */
  readonly unicode: boolean;
  readonly bold: Paint;
  /** Less important than what stands beside it. */
  readonly dim: Paint;
  readonly good: Paint;
  readonly warn: Paint;
  readonly bad: Paint;
  /** What the eye should find first: names, headings. */
  readonly accent: Paint;
}

const same: Paint = (text) => text;

/** No colour, ASCII, 80 columns. `{ ...plainStyle, width: 200 }` for another width. */
export const plainStyle: Style = {
  width: 80,
  unicode: false,
  bold: same,
  dim: same,
  good: same,
  warn: same,
  bad: same,
  accent: same,
};
