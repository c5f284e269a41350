/* Draws the JSON blocks that web/_chart.html leaves in a page. Loaded by zhupei.js after echarts, only where needed. */
(() => {
  "use strict";

  // Told apart by lightness and by pattern too; each at least 3:1 on white.
  const COLOURS = ["#0b5563", "#b35900", "#5b4a9c", "#2f7d4f", "#a3386c", "#5c6b75"];
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const size = () => parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.8125;

  const option = (chart) => {
    const words = { color: css("--ink"), fontSize: size(), fontFamily: getComputedStyle(document.body).fontFamily };
    const base = {
      color: COLOURS,
      textStyle: words,
      animation: !still.matches,
      animationDuration: 300,
      aria: { enabled: true, label: { enabled: false }, decal: { show: chart.series.length > 1 } },
      // richText: the tooltip in HTML would carry inline styles, which the page's policy forbids
      tooltip: { trigger: "axis", renderMode: "richText", confine: true },
      legend: chart.series.length > 1 ? { type: "scroll", bottom: 0, textStyle: words } : undefined,
    };
    if (chart.kind === "funnel") {
      // Centred bars, so that length alone carries the number; each with its share of the first.
      const data = chart.series[0].data;
      const most = Math.max(...data, 1);
      const share = (i) => (data[0] ? `${data[i]} · ${Math.round((data[i] / data[0]) * 100)}%` : data[i]);
      const bars = { type: "bar", stack: "all", barCategoryGap: "12%" };
      return {
        ...base,
        tooltip: { show: false },
        grid: { left: 8, right: 80, top: 8, bottom: 8, containLabel: true },
        xAxis: { type: "value", max: most, show: false },
        yAxis: { type: "category", data: chart.categories, inverse: true, axisLabel: words, axisTick: { show: false }, axisLine: { show: false } },
        series: [
          { ...bars, data: data.map((value) => (most - value) / 2), itemStyle: { color: "transparent" }, silent: true },
          { ...bars, data, itemStyle: { color: COLOURS[0] }, label: { show: true, position: "right", formatter: (bar) => share(bar.dataIndex), color: css("--ink"), fontSize: size() } },
        ],
      };
    }
    if (chart.kind === "scatter") {
      // data: [x, y, what it is]; both axes carry their names, for there is no category to tell them
      const axis = (name, gap) => ({ type: "value", name, nameLocation: "middle", nameGap: gap, nameTextStyle: words, axisLabel: words, splitLine: { lineStyle: { color: css("--line") } } });
      return {
        ...base,
        tooltip: { ...base.tooltip, trigger: "item", formatter: (point) => `${point.data[2]}\n${chart.x_label}: ${point.data[0]}\n${chart.y_label}: ${point.data[1]}` },
        grid: { left: 24, right: 16, top: 16, bottom: 64, containLabel: true },
        xAxis: axis(chart.x_label, 28),
        yAxis: axis(chart.y_label, 40),
        series: chart.series.map((series, i) => ({ type: "scatter", name: series.name, data: series.data, symbol: ["circle", "triangle"][i % 2], symbolSize: [7, 10][i % 2] })),
      };
    }
    const lying = chart.kind === "hbar";
    const names = { type: "category", data: chart.categories, inverse: lying, axisLabel: words, axisTick: { show: false }, axisLine: { lineStyle: { color: css("--line-strong") } } };
    if (chart.kind === "line") names.axisLabel = { ...words, alignMinLabel: "left", alignMaxLabel: "right" };
    const values = { type: "value", axisLabel: words, splitLine: { lineStyle: { color: css("--line") } }, minInterval: 1 };
    const type = chart.kind === "line" ? "line" : "bar";
    return {
      ...base,
      grid: { left: 8, right: 16, top: 28, bottom: chart.series.length > 1 ? 36 : 8, containLabel: true },
      xAxis: lying ? values : names,
      yAxis: lying ? names : values,
      series: chart.series.map((series, i) => ({
        type,
        name: series.name,
        data: series.data,
        stack: chart.kind === "stacked" ? "all" : undefined,
        barMaxWidth: 36,
        symbol: ["circle", "rect", "triangle", "diamond"][i % 4],
        symbolSize: 8,
        labelLayout: { hideOverlap: true },
        label: { show: chart.series.length === 1, position: lying ? "right" : "top", color: css("--ink"), fontSize: size() },
      })),
    };
  };

  window.zhupeiCharts = (root) => {
    root.querySelectorAll("[data-chart]").forEach((canvas) => {
      const source = document.getElementById(canvas.dataset.chart);
      if (!source || canvas.dataset.drawn !== undefined) return;
      canvas.dataset.drawn = "";
      canvas.hidden = false;
      const drawn = window.echarts.init(canvas);
      drawn.setOption(option(JSON.parse(source.textContent)));
      new ResizeObserver(() => drawn.resize()).observe(canvas);
      window.addEventListener("beforeprint", () => drawn.resize());
      const table = canvas.closest("figure")?.querySelector("details");
      if (table) table.open = false;
    });
  };
})();
