// The page of `daybook bench --documents` by pdfkit: logo, ten lines, totals. With `embedded`, the
// fonts that Daybook embeds; with `builtin`, Helvetica, which no file embeds. Prints documents per
// second on one thread.
'use strict'

const fs = require('fs')
const path = require('path')
const PDFDocument = require('pdfkit')

const embedded = process.argv[2] === 'embedded'
const seconds = Number(process.argv[3] || 3)
const fonts = path.join(__dirname, '..', '..', 'assets', 'fonts')
// Read once, as a server would.
const regular = embedded ? fs.readFileSync(path.join(fonts, 'NotoSans-Regular.ttf')) : 'Helvetica'
const bold = embedded ? fs.readFileSync(path.join(fonts, 'NotoSans-Bold.ttf')) : 'Helvetica-Bold'
const logo = fs.readFileSync(path.join(__dirname, 'logo.png'))
// Helvetica has no rupee sign.
const sign = embedded ? '₹' : 'Rs '

const LEFT = 48
const RIGHT = 547
const ACCENT = '#1a4580'
const QUIET = '#616975'
const TEXT = '#1c212b'

function draw(done) {
  const doc = new PDFDocument({ size: 'A4', margin: 48, info: { Title: 'INVOICE ML/26-27/000001' } })
  const chunks = []
  doc.on('data', chunk => chunks.push(chunk))
  doc.on('end', () => done(Buffer.concat(chunks).length))
  doc.registerFont('R', regular)
  doc.registerFont('B', bold)
  const left = (text, x, y, size, font = 'R', colour = TEXT) =>
    doc.font(font).fontSize(size).fillColor(colour).text(text, x, y, { lineBreak: false })
  const right = (text, x, y, size, font = 'R', colour = TEXT) => {
    doc.font(font).fontSize(size).fillColor(colour)
    doc.text(text, x - doc.widthOfString(text), y, { lineBreak: false })
  }
  doc.image(logo, LEFT, 46, { height: 46 })
  left('Meadow Hosting Private Limited', LEFT, 99, 10, 'B')
  right('INVOICE', RIGHT, 42, 22, 'B', ACCENT)
  right('ML/26-27/000001', RIGHT, 73, 10.5, 'R', QUIET)
  doc.rect(LEFT, 131, RIGHT - LEFT, 1.2).fill(ACCENT)
  const facts = [
    ['Issue date', '20 Aug 2026'],
    ['Due date', '27 Aug 2026'],
    ['Service period', '20 Aug 2026 – 19 Sep 2026'],
    ['Order', '1042'],
  ]
  facts.forEach(([label, value], index) => {
    left(label, LEFT + index * 125, 142, 7.5, 'R', QUIET)
    left(value, LEFT + index * 125, 153, 9)
  })
  const parties = [
    ['From', 'Meadow Hosting Private Limited', '12 Residency Road', 'Shanthala Nagar',
      'Pune, Maharashtra 411001', 'India', 'billing@meadow.example', 'GSTIN 27AAPFU0939F1ZV'],
    ['Bill to', 'Rao & Daughters LLP', 'Asha Rao', '4 Marine Drive',
      'Mumbai, Maharashtra 400020', 'India', 'accounts@rao.example', 'GSTIN 27AAPFU0939F1ZV'],
  ]
  parties.forEach(([label, name, ...rest], index) => {
    const x = LEFT + index * 250
    left(label, x, 183, 8, 'B', ACCENT)
    left(name, x, 197, 9.5, 'B')
    rest.forEach((line, at) => left(line, x, 210 + at * 12.6, 9))
  })
  doc.rect(LEFT, 320, RIGHT - LEFT, 19).fill('#f1f4f8')
  left('Description', LEFT + 6, 325, 7.5, 'B', ACCENT)
  const columns = [['Qty', 340], ['Unit price', 400], ['Tax', 455], ['Amount', RIGHT - 6]]
  columns.forEach(([name, x]) => right(name, x, 325, 7.5, 'B', ACCENT))
  for (let line = 1; line <= 10; line++) {
    const y = 320 + 19 + (line - 1) * 32
    left(`VPS Pro, node ${line}, Frankfurt`, LEFT + 6, y + 5, 9)
    left('20 Aug 2026 – 19 Sep 2026', LEFT + 6, y + 17, 7.5, 'R', QUIET)
    const cells = ['2', `${sign}599.00`, '9% + 9%', `${sign}1,198.00`]
    cells.forEach((cell, at) => right(cell, columns[at][1], y + 5, 9))
    doc.rect(LEFT, y + 32, RIGHT - LEFT, 0.5).fill('#d9dee6')
  }
  left('Place of supply: Maharashtra (27)', LEFT + 6, 675, 8, 'R', QUIET)
  left('Tax payable on reverse charge: No', LEFT + 6, 689, 8, 'R', QUIET)
  const sums = [
    ['Subtotal', `${sign}11,980.00`],
    [`CGST 9% on ${sign}11,980.00 (IN)`, `${sign}1,078.20`],
    [`SGST 9% on ${sign}11,980.00 (IN-27)`, `${sign}1,078.20`],
    ['Total (INR)', `${sign}14,136.40`],
    ['Amount due', `${sign}14,136.40`],
  ]
  sums.forEach(([label, value], index) => {
    const font = index >= 3 ? 'B' : 'R'
    left(label, 301, 672 + index * 15, 9, font)
    right(value, RIGHT - 6, 672 + index * 15, 9, font)
  })
  left('Customer reference', LEFT, 163, 7.5, 'R', QUIET)
  left('user-1042', LEFT, 172, 9)
  left('Meadow Hosting Private Limited', LEFT, 780, 7.5, 'R', QUIET)
  left('Page 1 of 1', 507, 780, 7.5, 'R', QUIET)
  doc.end()
}

function measure() {
  let count = 0
  let bytes = 0
  let said = false
  const started = process.hrtime.bigint()
  const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9
  const next = size => {
    bytes = size
    count += 1
    if (elapsed() < seconds) draw(next)
    else if (!said) {
      said = true
      console.log(JSON.stringify({ per_second: Math.round(count / elapsed()), bytes }))
    }
  }
  // Several at a time, so that waiting for the compressor's thread costs it nothing.
  for (let flight = 0; flight < 8; flight++) draw(next)
}

// Once before, so that nothing is compiled or read while it is measured.
draw(() => measure())
