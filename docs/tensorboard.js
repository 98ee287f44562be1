// Takes the pictures tensorboard-*.png of a training run. It needs TensorBoard, Chromium and playwright-core:
//   tensorboard --logdir cifar10_train --port 6123 &
//   node docs/tensorboard.js http://127.0.0.1:6123 docs [path of Chromium]
const { chromium } = require('playwright-core');

const [address, folder, executablePath = '/usr/bin/chromium'] = process.argv.slice(2);
// Each tab, and how long its drawing takes at most, in milliseconds.
const tabs = [['scalars', 9000], ['images', 8000], ['graphs', 15000], ['histograms', 9000]];

(async () => {
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'];
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ viewport: { width: 1400, height: 880 } });
  for (const [tab, wait] of tabs) {
    await page.goto(`${address}/#${tab}`, { waitUntil: 'load' });
    await page.reload({ waitUntil: 'load' });
    await page.waitForTimeout(wait);
    await page.screenshot({ path: `${folder}/tensorboard-${tab}.png` });
  }
  await browser.close();
})();
